"""What a cluster consists of, before any of it runs."""

import stat
from pathlib import Path

import pytest

from lb.cluster.command import options
from lb.cluster.plan import Plan
from lb.load import load


def plan(folder: Path, *arguments: str) -> Plan:
    return Plan(options(["--data-dir", str(folder), *arguments]))


def test_ports_and_weights_are_the_documented_ones(tmp_path: Path) -> None:
    """S0-10, S0-11."""
    workers = [(w.port, w.tcp_port, w.weight) for w in plan(tmp_path).workers]
    assert workers == [(5001, 9991, 3), (5002, 9992, 2), (5003, 9993, 1)]


def test_the_balancer_reads_its_file_and_only_its_owner_does(tmp_path: Path) -> None:
    cluster = plan(tmp_path / "new", "--host", "0.0.0.0")
    cluster.write()
    assert stat.S_IMODE(cluster.balancer_file.stat().st_mode) == 0o600
    settings = load(cluster.balancer_file)
    assert settings.admin == "127.0.0.1:8010"
    assert settings.admin_token == cluster.admin_token
    web, messenger = settings.services
    assert (web.listen, messenger.listen) == ("0.0.0.0:8000", "0.0.0.0:9000")
    assert [worker.weight for worker in web.workers] == [3, 2, 1]
    assert [worker.check_address for worker in messenger.workers] == [
        worker.address for worker in web.workers
    ]


def test_workers_share_data_bus_and_page_and_believe_the_balancer(tmp_path: Path) -> None:
    cluster = plan(tmp_path, "--database", "mongodb://127.0.0.1/x")
    one, other, _ = [cluster.worker_environment(worker) for worker in cluster.workers]
    own = {"SEALROOM_PORT", "SEALROOM_MESSENGER_PORT"}
    assert {name for name in one if one[name] != other.get(name)} == own
    assert one["SEALROOM_DATABASE"] == "mongodb://127.0.0.1/x"
    assert one["SEALROOM_BUS"] == "nats://127.0.0.1:4222"
    assert one["SEALROOM_BUS_PASSWORD"] == cluster.bus_environment["SEALROOM_BUS_PASSWORD"]
    assert one["SEALROOM_BALANCERS"] == "127.0.0.1"
    assert one["SEALROOM_PUBLIC_URL"] == "http://localhost:8000"


def test_another_bus_is_used_with_the_credentials_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALROOM_BUS_PASSWORD", "known")
    cluster = plan(tmp_path, "--bus", "tls://bus.example.org")
    environment = cluster.worker_environment(cluster.workers[0])
    assert environment["SEALROOM_BUS"] == "tls://bus.example.org"
    assert environment["SEALROOM_BUS_PASSWORD"] == "known"


def test_what_makes_a_worker_counts_more_than_the_environment_and_what_is_usual_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALROOM_PORT", "1")
    monkeypatch.setenv("SEALROOM_BUS_PASSWORD_FILE", "/elsewhere")
    monkeypatch.setenv("SEALROOM_PUBLIC_URL", "https://chat.example.org")
    cluster = plan(tmp_path)
    environment = cluster.worker_environment(cluster.workers[0])
    assert environment["SEALROOM_PORT"] == "5001"
    assert "SEALROOM_BUS_PASSWORD_FILE" not in environment
    assert environment["SEALROOM_PUBLIC_URL"] == "https://chat.example.org"


def test_secrets_are_new_at_every_start_and_not_shown(tmp_path: Path) -> None:
    one, other = plan(tmp_path), plan(tmp_path)
    assert one.bus_password != other.bus_password
    assert one.admin_token != other.admin_token
    assert one.bus_password not in repr(one)
    assert one.admin_token not in repr(one)
