"""deploy/compose.yaml holds to the Compose specification, and to what makes it safe (S3-30).

Each rule is shown to fail on a copy with one thing changed.
"""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from config.load import load
from config.settings import Settings, SettingsError
from deploy import make_secrets

HERE = Path(__file__).resolve().parents[2] / "deploy"
SCHEMA = get_builtin_schema("vendor.compose-spec")
# Their images begin as root and have no other user; without capabilities it may do little more
# than write its own volume.
MAY_BE_ROOT = {"front", "files"}
FROM_OUTSIDE = {"front": {"80:80", "443:443", "443:443/udp"}, "balancer": {"127.0.0.1:9000:9000"}}
HAS_NO_LIFE = {"database-init"}  # runs once
R20_S = 20  # from the end of the wait to the exit

Compose = dict[str, Any]
Service = dict[str, Any]


def interpolate(value: Any) -> Any:
    """Fill in ${NAME}, ${NAME:-default} and ${NAME:?reason}, as an empty .env with DOMAIN would."""
    if isinstance(value, dict):
        return {name: interpolate(part) for name, part in value.items()}
    if isinstance(value, list):
        return [interpolate(part) for part in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r"\$\{DOMAIN\b[^}]*\}", "chat.example.org", value)
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def read() -> Compose:
    compose: Compose = interpolate(yaml.safe_load((HERE / "compose.yaml").read_text()))
    return compose


def is_contained(service: Service) -> bool:
    return (
        service.get("read_only") is True
        and service.get("cap_drop") == ["ALL"]
        and set(service.get("cap_add", [])) <= {"NET_BIND_SERVICE"}
        and service.get("security_opt") == ["no-new-privileges:true"]
        and "privileged" not in service
    )


def is_limited(service: Service) -> bool:
    return all(service.get(name) for name in ("mem_limit", "cpus", "pids_limit"))


def reads_its_secrets(service: Service) -> bool:
    """Whether every secret belongs to the service's user, as make_secrets.py makes it."""
    user = service.get("user", "0:0").partition(":")[0]
    owners = {make_secrets.OWNERS.get(name) for name in service.get("secrets", [])}
    return owners <= {int(user)} if user.isdigit() else not owners


def binds_what_is_there(service: Service) -> bool:
    bound = [v.partition(":")[0] for v in service.get("volumes", []) if v.startswith(".")]
    return all((HERE / path).is_file() for path in bound)


def has_fixed_image(service: Service) -> bool:
    return bool(re.fullmatch(r"[a-z0-9/]+:(local|\d+\.\d+[a-z0-9.-]*)", service.get("image", "")))


def names_what_exists(compose: Compose) -> bool:
    """Whether networks, volumes and secrets are declared and used alike."""
    services = compose["services"].values()
    named = {v.partition(":")[0] for s in services for v in s.get("volumes", []) if v[0] != "."}
    return (
        named == set(compose["volumes"])
        and {n for s in services for n in s.get("networks", [])} == set(compose["networks"])
        and {n for s in services for n in s.get("secrets", [])} == set(compose["secrets"])
        and all(
            secret == {"file": f"./secrets/{name}"} for name, secret in compose["secrets"].items()
        )
    )


def settings_of(service: Service, secrets: Path) -> Settings | None:
    """Load a worker's settings as its container would; None when they are refused."""
    environment = {
        name: value.replace("/run/secrets", str(secrets))
        for name, value in service["environment"].items()
    }
    try:
        return load(environment=environment)
    except SettingsError:
        return None


def workers_are_right(compose: Compose, secrets: Path) -> bool:
    services = compose["services"]
    workers = [service for name, service in services.items() if name.startswith("worker")]
    loaded = settings_of(workers[0], secrets)
    return (
        len(workers) == 3
        and all(worker == workers[0] for worker in workers)
        and loaded is not None
        and loaded.balancers == (services["balancer"]["networks"]["workers"]["ipv4_address"],)
        and loaded.trusted_proxies == (services["front"]["networks"]["front"]["ipv4_address"],)
        and loaded.database_url.startswith("mongodb://sealroom:")
        and int(workers[0]["stop_grace_period"].rstrip("s")) >= loaded.drain_wait_s + R20_S
    )


def findings(compose: Compose, secrets: Path) -> set[str]:
    """Name the rules that a Compose file breaks."""
    services = compose["services"]

    def of_all(holds: Callable[[Service], bool]) -> bool:
        return all(map(holds, services.values()))

    stores = [s for name, s in services.items() if name.startswith(("database", "bus", "files"))]
    rules = {
        "not Compose": jsonschema.validators.validator_for(SCHEMA)(SCHEMA).is_valid(compose),
        "an image without a version": of_all(has_fixed_image),
        "not contained": of_all(is_contained),
        "no limits": of_all(is_limited),
        "root": all("user" in s for name, s in services.items() if name not in MAY_BE_ROOT),
        "no health": all(
            s.get("healthcheck") or s["image"].startswith("sealroom:")
            for name, s in services.items()
            if name not in HAS_NO_LIFE
        ),
        "not started again": all(
            s.get("restart") == ("no" if name in HAS_NO_LIFE else "unless-stopped")
            for name, s in services.items()
        ),
        "open to the outside": {
            name: set(s["ports"]) for name, s in services.items() if "ports" in s
        }
        == FROM_OUTSIDE,
        "a store that is reached": compose["networks"]["stores"].get("internal") is True
        and compose["networks"]["workers"].get("internal") is True
        and all(s["networks"] == ["stores"] for s in stores),
        "a missing file": of_all(binds_what_is_there),
        "another's secret": of_all(reads_its_secrets),
        "a dangling name": names_what_exists(compose),
        "wrong workers": workers_are_right(compose, secrets),
    }
    return {rule for rule, holds in rules.items() if not holds}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    make_secrets.make(folder)
    return folder


def test_the_compose_file_keeps_every_rule(secrets: Path) -> None:
    assert findings(read(), secrets) == set()


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("services.front.imagine", "x", "not Compose"),
        ("services.front.image", "caddy:latest", "an image without a version"),
        ("services.front.image", "caddy", "an image without a version"),
        ("services.bus.read_only", False, "not contained"),
        ("services.bus.cap_drop", [], "not contained"),
        ("services.front.cap_add", ["SYS_ADMIN"], "not contained"),
        ("services.bus.security_opt", [], "not contained"),
        ("services.worker2.privileged", True, "not contained"),
        ("services.database2.mem_limit", None, "no limits"),
        ("services.bus.user", None, "root"),
        ("services.bus.healthcheck", None, "no health"),
        ("services.worker3.restart", "no", "not started again"),
        ("services.database1.ports", ["27017:27017"], "open to the outside"),
        ("services.balancer.ports", ["9000:9000"], "open to the outside"),
        ("networks.stores.internal", False, "a store that is reached"),
        ("services.database3.networks", ["stores", "outside"], "a store that is reached"),
        ("services.front.volumes", ["./Nothing:/x:ro"], "a missing file"),
        ("services.bus.user", "10001:10001", "another's secret"),
        ("secrets.bus_password.file", "./bus_password", "a dangling name"),
        ("services.worker1.secrets", [], "wrong workers"),
        ("services.balancer.networks.workers.ipv4_address", "172.30.2.9", "wrong workers"),
        ("services.front.networks.front.ipv4_address", "172.30.1.9", "wrong workers"),
        ("services.worker1.environment.SEALROOM_PROT", "1", "wrong workers"),
        ("services.worker1.environment.SEALROOM_BUS", "redis://bus", "wrong workers"),
        ("services.worker1.stop_grace_period", "10s", "wrong workers"),
    ],
)
def test_a_broken_copy_is_found(secrets: Path, path: str, value: Any, rule: str) -> None:
    compose = copy.deepcopy(read())
    *parents, last = path.split(".")
    here = compose
    for name in parents:
        here = here[name]
    if value is None:
        del here[last]
    else:
        here[last] = value
    assert rule in findings(compose, secrets)
