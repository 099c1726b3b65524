"""Every setting of the server: its default, what it means, and what it may be.

The example file is generated from this one (`python server.py --example`) and a test keeps the two
identical. Precedence and spelling of the sources are in `config/load.py`.
"""

import dataclasses
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from protocol import limits

LARGEST_FILE_MIB = 127 * 1024  # the ciphertext of more is beyond FILE_BYTES
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class SettingsError(Exception):
    """One sentence that names the key, the value and the rule."""


class Secret(str):
    """Text that neither `repr`, a log line nor `--check` shows."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """Return what may be seen of it."""
        return "•••" if self else ""

    def __repr__(self) -> str:
        return self.shown or "''"


class SecretUrl(Secret):
    """A URL of which all may be seen but the log-in and, because of its options, the query."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        # A log-in that was not percent-encoded may hold any of these marks itself.
        login, at, place = self.rpartition("@")
        place, question, _ = place.partition("?")
        scheme = login.partition("://")[0] + "://" if "://" in login else ""
        return f"{scheme}{'•••@' if at else ''}{place}{'?•••' if question else ''}"

    def __repr__(self) -> str:
        return repr(self.shown)


_NO_SECRET = Secret("")

Rule = tuple[str, Callable[[Any], bool]]


def _setting(
    default: object,
    meaning: str,
    rule: str = "",
    holds: Callable[[Any], bool] | None = None,
    *,
    only_environment: bool = False,
) -> Any:
    metadata = {
        "meaning": meaning,
        "rule": (rule, holds) if holds else None,
        "only_environment": only_environment,
    }
    return dataclasses.field(default=default, metadata=metadata)


def _between(low: float, high: float) -> tuple[str, Callable[[Any], bool]]:
    return f"must be from {low} to {high}", lambda value: low <= value <= high


def _one_of(*words: str) -> tuple[str, Callable[[Any], bool]]:
    return f"must be one of {', '.join(words)}", lambda value: value in words


def _is_origin(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port_is_sane = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port_is_sane
        and value == f"{parts.scheme}://{parts.netloc}"
        and "@" not in parts.netloc
    )


def _is_network(value: str) -> bool:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return False
    return True


def _are_hosts(values: tuple[str, ...]) -> bool:
    return all(re.fullmatch(r"[a-z0-9.-]+|\[[0-9a-f:]+\]", value) for value in values)


@dataclass(frozen=True)
class Settings:
    """What can be set; units stand in the names."""

    host: str = _setting(
        "localhost", "Address to listen on; 0.0.0.0 for every one.", "must not be empty", bool
    )
    port: int = _setting(8888, "Port to listen on; 0 takes a free one.", *_between(0, 65_535))
    data_dir: str = _setting(
        "./data", "Folder for the database, keys and mails.", "must not be empty", bool
    )
    database: str = _setting(
        SecretUrl(""),
        "Database URL, sqlite:///path or mongodb://…; empty for sealroom.db in data_dir.",
        "must be empty or begin with sqlite:///, mongodb:// or mongodb+srv://",
        lambda value: not value or value.startswith(("sqlite:///", "mongodb://", "mongodb+srv://")),
    )
    database_wait_s: float = _setting(
        30.0,
        "How long a database that does not answer is tried again at the start.",
        *_between(0, 3_600),
    )
    bus: str = _setting(
        SecretUrl(""),
        "NATS servers that join several processes, separated by commas; empty for one process.",
        "must be empty or begin with nats:// or tls://",
        lambda value: not value or value.startswith(("nats://", "tls://")),
    )
    bus_user: str = _setting("", "User name on the bus; empty for no log-in.")
    bus_password: str = _setting(_NO_SECRET, "Password there; better given as a file.")
    bus_ca_file: str = _setting("", "Certificates to trust on the bus; empty for the system's.")
    messenger_port: int = _setting(
        9999, "Port of the TCP messenger; 0 takes a free one, -1 none.", *_between(-1, 65_535)
    )
    messenger_certificate_file: str = _setting(
        "", "Certificate chain (PEM) of the TCP messenger; empty for no TLS there."
    )
    messenger_key_file: str = _setting("", "Its private key.")
    balancers: tuple[str, ...] = _setting(
        (),
        "Networks whose PROXY header is believed; a header from elsewhere ends the connection.",
        "must be addresses or networks like 10.0.0.0/8",
        lambda values: all(_is_network(value) for value in values),
    )
    public_url: str = _setting(
        "",
        "Origin that people open, like https://chat.example.org; empty for http://localhost:<port>.",
        "must be empty or an origin like https://chat.example.org, without a path",
        lambda value: not value or _is_origin(value),
    )
    allowed_hosts: tuple[str, ...] = _setting(
        LOOPBACK_HOSTS,
        "Host names the server answers under, besides the one of public_url.",
        "must be lower-case host names or bracketed IPv6 addresses, without ports",
        _are_hosts,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Networks whose X-Forwarded-For and -Proto are believed; not even loopback by default.",
        "must be addresses or networks like 10.0.0.0/8",
        lambda values: all(_is_network(value) for value in values),
    )
    master_key_file: str = _setting(
        "", "File of the 32-byte master key; empty for master.key in data_dir, made when missing."
    )
    mail: str = _setting(
        "outbox",
        "How mail leaves: outbox writes files to data_dir/outbox and prints the code, or smtp.",
        *_one_of("outbox", "smtp"),
    )
    mail_from: str = _setting(
        "Sealroom <sealroom@localhost>",
        "Sender of mails.",
        "must hold an address and no line break",
        lambda value: "@" in value and "\n" not in value and "\r" not in value,
    )
    smtp_host: str = _setting("", "Mail server, when mail is smtp.")
    smtp_port: int = _setting(587, "Its port.", *_between(1, 65_535))
    smtp_security: str = _setting(
        "starttls",
        "Encryption towards the mail server; none only for one on this machine.",
        *_one_of("starttls", "tls", "none"),
    )
    smtp_user: str = _setting("", "User name there; empty for no log-in.")
    smtp_password: str = _setting(_NO_SECRET, "Password there; better given as a file.")
    files: str = _setting(
        "",
        "Where files lie: empty for data_dir/files, or s3://bucket/prefix.",
        "must be empty or like s3://bucket/prefix",
        lambda value: not value or bool(re.fullmatch(r"s3://[a-z0-9.-]{3,63}(/[\w./-]*)?", value)),
    )
    s3_endpoint: str = _setting(
        "",
        "Address of the S3 service; empty for Amazon's.",
        "must be empty or an origin like https://s3.example.org",
        lambda value: not value or _is_origin(value),
    )
    s3_region: str = _setting("us-east-1", "Its region.", "must not be empty", bool)
    s3_addressing: str = _setting(
        "path", "Whether the bucket stands in the path or in the host.", *_one_of("path", "virtual")
    )
    s3_access_key: str = _setting("", "Access key there.")
    s3_secret_key: str = _setting(_NO_SECRET, "Secret key there; better given as a file.")
    s3_presigned: str = _setting(
        "off",
        "Whether clients send parts to the S3 service and fetch them there, at signed addresses.",
        *_one_of("on", "off"),
    )
    s3_public_endpoint: str = _setting(
        "",
        "Address of the S3 service for clients, if presigned; empty for s3_endpoint.",
        "must be empty or an origin like https://s3.example.org",
        lambda value: not value or _is_origin(value),
    )
    file_mib: int = _setting(
        100,
        "Largest file, in MiB, as it is before it is encrypted.",
        *_between(1, LARGEST_FILE_MIB),
    )
    files_per_user_mib: int = _setting(
        10_240, "What one person's live files may take, in MiB.", *_between(1, 2**30)
    )
    files_per_day_mib: int = _setting(
        2_048, "What one person may begin to upload in a day, in MiB.", *_between(1, 2**30)
    )
    uploads_per_user: int = _setting(20, "Unfinished uploads of one person.", *_between(1, 10_000))
    links: str = _setting(
        "on",
        "Whether files can be sent by link; with off every link is as if it were not there.",
        *_one_of("on", "off"),
    )
    log_level: str = _setting(
        "info", "Least level that is logged.", *_one_of("debug", "info", "warning", "error")
    )
    log_format: str = _setting(
        "json", "Lines of JSON, or text for people.", *_one_of("json", "text")
    )
    frames_per_second: int = _setting(
        limits.FRAMES_PER_SECOND,
        "Frames a connection may send in the long run.",
        *_between(1, 1_000_000),
    )
    frame_burst: int = _setting(
        limits.FRAME_BURST, "Frames a connection may send at once.", *_between(1, 1_000_000)
    )
    drain_wait_s: float = _setting(
        0.0,
        "How long health says draining before the port closes; two probe periods of a balancer.",
        *_between(0, 60),
    )
    test_clock_file: str = _setting(
        "",
        "File with an offset in milliseconds added to the time; for tests, on loopback only.",
        only_environment=True,
    )

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data_dir}/sealroom.db"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host name the server answers under (S-16)."""
        public = urlsplit(self.public_url).hostname if self.public_url else None
        if public and ":" in public:
            public = f"[{public}]"
        extra = (public,) if public and public not in self.allowed_hosts else ()
        return (*self.allowed_hosts, *extra)

    @property
    def is_loopback(self) -> bool:
        return self.host in ("localhost", "127.0.0.1", "::1")

    @property
    def parts_endpoint(self) -> str:
        """Where clients find the S3 service, empty unless they go there themselves."""
        is_on = self.s3_presigned == "on"
        return (self.s3_public_endpoint or self.s3_endpoint).lower() if is_on else ""

    @property
    def parts_origin(self) -> str:
        """The origin of the addresses they get there: with virtual addressing the bucket's own."""
        if not self.parts_endpoint or self.s3_addressing == "path":
            return self.parts_endpoint
        scheme, _, host = self.parts_endpoint.partition("://")
        return f"{scheme}://{self.bucket}.{host}"

    @property
    def bucket(self) -> str:
        """The name of the bucket, empty where files lie in a folder."""
        return self.files.removeprefix("s3://").partition("/")[0]


def check(settings: Settings) -> None:
    """Hold every setting to its rule.

    Raises: SettingsError
    """
    for field in dataclasses.fields(Settings):
        rule = cast(Rule | None, field.metadata["rule"])
        value = getattr(settings, field.name)
        if rule and not rule[1](value):
            raise SettingsError(f"{field.name} = {value!r}: {rule[0]}.")
    if settings.mail == "smtp" and not settings.smtp_host:
        raise SettingsError("smtp_host = '': must be set when mail is smtp.")
    if bool(settings.messenger_certificate_file) != bool(settings.messenger_key_file):
        raise SettingsError(
            "messenger_certificate_file and messenger_key_file: must be set both or neither."
        )
    if settings.s3_presigned == "on":
        _check_presigned(settings)
    if settings.test_clock_file and not settings.is_loopback:
        raise SettingsError(
            f"test_clock_file = {settings.test_clock_file!r}: needs a loopback host."
        )


def _check_presigned(settings: Settings) -> None:
    if not settings.files:
        raise SettingsError("s3_presigned = 'on': needs files in an S3 bucket.")
    endpoint = settings.parts_endpoint
    if not endpoint:
        raise SettingsError("s3_presigned = 'on': needs s3_public_endpoint or s3_endpoint.")
    # It becomes a part of the page's policy, which knows host names and 127.0.0.1 alone.
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?", endpoint):
        raise SettingsError(f"s3_public_endpoint = {endpoint!r}: must be a plain host name.")
    if endpoint.startswith("http:") and urlsplit(endpoint).hostname not in LOOPBACK_HOSTS:
        raise SettingsError(f"s3_public_endpoint = {endpoint!r}: must be https, or on loopback.")


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        shown = value.shown if isinstance(value, Secret) else value
        escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def example() -> str:
    """Return the example file: every setting with its meaning and its default, commented out."""
    lines = [
        "# Settings of a Sealroom server, with their defaults; start with --config FILE.",
        "# The environment counts more: SEALROOM_PORT=9000, or SEALROOM_PORT_FILE=/path/of/a/file.",
    ]
    for field in dataclasses.fields(Settings):
        if not field.metadata["only_environment"]:
            lines += [
                "",
                f"# {field.metadata['meaning']}",
                f"# {field.name} = {_toml(field.default)}",
            ]
    return "\n".join(lines) + "\n"


def effective(settings: Settings) -> str:
    """Return all settings as they are in force, secrets as •••."""
    rows = (
        f"{field.name} = {_toml(getattr(settings, field.name))}"
        for field in dataclasses.fields(Settings)
    )
    return "\n".join(rows) + "\n"
