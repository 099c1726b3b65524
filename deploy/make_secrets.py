"""Make the secrets of a deployment.

    python3 deploy/make_secrets.py [FOLDER]

Writes one file a secret into FOLDER (deploy/secrets), 0700 and 0600, each owned by the user who
reads it inside its container: only root can give files away, so run it as root. Needs nothing but
Python 3.9 and the command openssl.

What is there is never drawn again; what is made of others (a URL with a password in it, a whole
configuration file) is written anew each time, so that a second run after an upgrade or after
changing a password brings everything into step. A file is complete or not there at all.
"""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
S3_ACTIONS = ["Read:sealroom", "Write:sealroom", "List:sealroom"]
DATABASES = "database1,database2,database3"

# The users of compose.yaml.
OWNERS = {
    "master_key": 10_001,
    "database_key": 999,
    "database_root_password": 999,
    "database_password": 999,
    "database_url": 10_001,
    "bus_password": 10_001,
    "bus.conf": 10_002,
    "bus.pem": 10_002,
    "bus_ca.pem": 10_001,
    "smtp_password": 10_001,
    "s3_password": 10_001,
    "s3.json": 0,
    "turn_secret": 0,
    "turn.conf": 65_534,
}
DRAWN = (
    "master_key",
    "database_key",
    "database_root_password",
    "database_password",
    "bus_password",
    "bus.pem",
    "s3_password",
    "turn_secret",
)
# A key and the certificate that the workers trust for the name `bus`, and nobody for another.
BUS_CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 "
    "-subj /CN=bus -addext subjectAltName=DNS:bus -keyout - -out -"
)


def write(path: Path, text: str) -> None:
    """Write a file of its owner's alone; atomic, and durable once this returns."""
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        if os.geteuid() == 0:
            os.fchown(descriptor, OWNERS[path.name], OWNERS[path.name])
        file.write(f"{text}\n")
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def drawn(name: str) -> str:
    """Return 32 random bytes: base64url where the server wants it, else hex, which all take.

    The bus gets its key and certificate instead.
    """
    if name == "bus.pem":
        made = subprocess.run(  # noqa: S603 - words of our own
            BUS_CERTIFICATE.split(), check=True, capture_output=True, text=True
        )
        return made.stdout.strip()
    return secrets.token_urlsafe(32) if name == "master_key" else secrets.token_hex(32)


def composed(value: dict[str, str]) -> dict[str, str]:
    """Return the files that are made of secrets, by name."""
    s3 = {"accessKey": "sealroom", "secretKey": value["s3_password"]}
    identity = {"name": "sealroom", "credentials": [s3], "actions": S3_ACTIONS}
    return {
        "database_url": f"mongodb://sealroom:{value['database_password']}@{DATABASES}"
        "/sealroom?replicaSet=sealroom",
        "bus.conf": f'BUS_PASSWORD: "{value["bus_password"]}"',
        "bus_ca.pem": value["bus.pem"][value["bus.pem"].index("-----BEGIN CERT") :],
        "s3.json": json.dumps({"identities": [identity]}),
        "turn.conf": f"{(HERE / 'coturn.conf').read_text(encoding='ascii')}\n"
        f"static-auth-secret={value['turn_secret']}",
    }


def make(folder: Path) -> None:
    """Bring the folder into the state that the module promises."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in DRAWN:
        if not (folder / name).exists():
            write(folder / name, drawn(name))
    if not (folder / "smtp_password").exists():
        write(folder / "smtp_password", "")
    values = {name: (folder / name).read_text(encoding="ascii").strip() for name in DRAWN}
    for name, text in composed(values).items():
        write(folder / name, text)


def main() -> None:
    """Make the secrets, and say so when somebody else than root could not give them away."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "secrets"
    make(folder)
    if os.geteuid() != 0:
        print("Run this as root: the containers' users cannot read these files.", file=sys.stderr)
    print(f"The secrets are in {folder}.")


if __name__ == "__main__":
    main()
