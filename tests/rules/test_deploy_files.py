"""The files that deploy/compose.yaml hands to its programs are right, and fit each other."""

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.secrets import open_master_key
from deploy import make_secrets
from lb.load import load
from lb.settings import Settings

HERE = Path(__file__).resolve().parents[2] / "deploy"
BALANCER = load(HERE / "balancer.toml")
SERVICES: dict[str, Any] = yaml.safe_load((HERE / "compose.yaml").read_text())["services"]


def misfits(balancer: Settings, services: dict[str, Any]) -> list[str]:
    """Name what the balancer's file and the Compose file say differently."""
    web, messenger = balancer.services
    names = [name for name in services if name.startswith("worker")]
    environment = services["worker1"]["environment"]
    rules = {
        "workers": [w.address for w in web.workers] == [f"{name}:8888" for name in names],
        "messengers": [w.address for w in messenger.workers] == [f"{name}:9999" for name in names],
        "checks": [w.check_address for w in messenger.workers] == [w.address for w in web.workers],
        "front": web.exempt_networks == (services["front"]["networks"]["front"]["ipv4_address"],),
        "drain": float(environment["SEALROOM_DRAIN_WAIT_S"])
        >= 2 * max(web.check_interval_s, messenger.check_interval_s),
        "admin": f"http://{balancer.admin}/" in services["balancer"]["healthcheck"]["test"][-1],
        "header": {web.proxy_protocol, messenger.proxy_protocol} == {"v2"},
    }
    return [name for name, holds in rules.items() if not holds]


def test_the_balancer_knows_the_workers_the_front_and_how_long_they_drain() -> None:
    assert misfits(BALANCER, SERVICES) == []


@pytest.mark.parametrize(
    ("old", "new", "misfit"),
    [
        ('address = "worker3:8888"', 'address = "worker4:8888"', "workers"),
        ('"worker2:9999"', '"worker2:8888"', "messengers"),
        ('check_address = "worker1:8888"\n', "", "checks"),
        ("172.30.1.2", "172.30.1.3", "front"),
        ('listen = "0.0.0.0:8000"', 'listen = "0.0.0.0:8000"\ncheck_interval_s = 6.0', "drain"),
        ("127.0.0.1:8010", "127.0.0.1:8011", "admin"),
        ('proxy_protocol = "v2"', 'proxy_protocol = "none"', "header"),
    ],
)
def test_a_balancer_that_knows_otherwise_is_found(
    tmp_path: Path, old: str, new: str, misfit: str
) -> None:
    text = (HERE / "balancer.toml").read_text()
    assert old in text
    changed = tmp_path / "balancer.toml"
    changed.write_text(text.replace(old, new))
    assert misfits(load(changed), SERVICES) == [misfit]


def test_the_front_asks_the_balancer_and_answers_its_own_health_check() -> None:
    text = re.sub(r"#.*", "", (HERE / "Caddyfile").read_text())
    assert text.count("{") == text.count("}")
    assert f"reverse_proxy balancer:{BALANCER.services[0].address.port} {{" in text
    assert re.search(r"^\{\$DOMAIN\} \{$", text, re.MULTILINE)
    port = re.search(r"^:(\d+) \{\s+bind 127\.0\.0\.1$", text, re.MULTILINE)
    assert port is not None
    assert f"http://127.0.0.1:{port[1]}/" in SERVICES["front"]["healthcheck"]["test"]


def test_secrets_are_drawn_once_and_are_for_their_owners_only(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets.make(folder)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(first) == set(make_secrets.OWNERS)
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        assert os.geteuid() != 0 or path.stat().st_uid == make_secrets.OWNERS[path.name]
    assert len({first[name] for name in make_secrets.DRAWN}) == len(make_secrets.DRAWN)
    assert len(open_master_key(folder / "master_key", create=False)) == 32
    make_secrets.make(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first


def test_a_changed_password_reaches_what_is_made_of_it(tmp_path: Path) -> None:
    make_secrets.make(tmp_path)
    (tmp_path / "database_password").write_text("another")
    make_secrets.make(tmp_path)
    assert "mongodb://sealroom:another@" in (tmp_path / "database_url").read_text()


def accepts(tmp_path: Path, conf: str) -> bool:
    """Whether the bus would start with this file, and the secrets where the container has them."""
    secrets, etc = tmp_path / "run/secrets", tmp_path / "etc/nats"
    secrets.parent.mkdir(parents=True, exist_ok=True)
    etc.mkdir(parents=True, exist_ok=True)
    make_secrets.make(secrets)
    (etc / "nats.conf").write_text(conf.replace('"/run/secrets', f'"{secrets}'))
    server = Path(sys.executable).parent / "nats-server"
    command = [server, "-t", "-c", etc / "nats.conf"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_the_bus_starts_with_its_file_and_not_with_a_broken_one(tmp_path: Path) -> None:
    conf = (HERE / "nats.conf").read_text()
    assert accepts(tmp_path, conf)
    assert not accepts(tmp_path, conf.replace("max_payload", "max_pay"))
    assert not accepts(tmp_path, conf.replace("bus.conf", "buss.conf"))
    assert not accepts(tmp_path, conf.replace("bus.pem", "bus_ca.pem"))


def test_the_database_script_is_javascript(tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    script = shutil.copy(HERE / "mongo-init.js", tmp_path / "mongo-init.cjs")
    assert subprocess.run([node, "--check", script], check=False).returncode == 0


def is_denied(address: str, conf: str) -> bool:
    wanted = ipaddress.ip_address(address)
    ranges = re.findall(r"^denied-peer-ip=([^-\s]+)(?:-(\S+))?$", conf, re.MULTILINE)
    pairs = [(ipaddress.ip_address(low), ipaddress.ip_address(high or low)) for low, high in ranges]
    return any(
        low.version == wanted.version and int(low) <= int(wanted) <= int(high)
        for low, high in pairs
    )


def test_the_relay_leads_to_public_addresses_only() -> None:
    conf = (HERE / "coturn.conf").read_text()
    inside = (
        "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.30.2.2 192.168.1.1 198.18.0.1 "
        "203.0.113.9 255.255.255.255 :: ::1 ::ffff:127.0.0.1 64:ff9b::a00:1 2002:7f00:1:: fd00::1 "
        "fe80::1"
    )
    assert [address for address in inside.split() if not is_denied(address, conf)] == []
    outside = "1.1.1.1 8.8.8.8 172.15.255.255 172.32.0.1 223.255.255.255 2606:4700::1111 2a00::1"
    assert [address for address in outside.split() if is_denied(address, conf)] == []
    assert not is_denied("172.30.2.2", conf.replace("denied-peer-ip=172", "#"))
    assert {"no-cli", "use-auth-secret", "no-multicast-peers"} <= set(conf.split())
