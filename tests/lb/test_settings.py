"""Settings are read strictly: whatever is wrong is named in one sentence, and nothing starts."""

from pathlib import Path

import pytest

from lb.load import effective, example, from_document, load
from lb.settings import ServiceSettings, Settings, SettingsError, WorkerSettings

ROOT = Path(__file__).parents[2]
LEAST = """
[[service]]
name = "web"
listen = "127.0.0.1:8000"
[[service.worker]]
address = "127.0.0.1:5001"
"""


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "lb.toml"
    path.write_text(text)
    return load(path)


def test_a_name_an_address_and_a_worker_are_enough(tmp_path: Path) -> None:
    worker = WorkerSettings("127.0.0.1:5001")
    web = ServiceSettings(name="web", listen="127.0.0.1:8000", workers=(worker,))
    assert read(tmp_path, LEAST) == Settings(services=(web,))


def test_the_defaults_are_those_of_the_requirements() -> None:
    """S0-54, S-53, S-56."""
    web = ServiceSettings(name="web", listen="8000")
    assert (web.check, web.check_path) == ("http", "/health")
    assert (web.check_timeout_s, web.check_interval_s) == (2, 5)
    assert (web.failures_down, web.successes_up) == (3, 1)
    assert (web.connect_timeout_s, web.first_byte_timeout_s, web.idle_timeout_s) == (1, 10, 90)
    assert (web.max_connections_per_address, web.connection_rate_per_address) == (100, 20)


def test_the_example_is_generated_and_can_be_used() -> None:
    path = ROOT / "config/balancer.example.toml"
    assert path.read_text() == example()
    web, messenger = load(path).services
    assert [worker.weight for worker in web.workers] == [3, 2]
    assert messenger.workers[0].check_target.port == 5_001
    assert messenger.workers[0].target.port == 9_991


def test_every_setting_stands_in_the_example() -> None:
    for kind in (Settings, ServiceSettings, WorkerSettings):
        for name in kind.__dataclass_fields__.keys() - {"services", "workers"}:
            assert f"\n{name} = " in example() or f"\n# {name} = " in example()


def test_what_is_in_force_can_be_read_again_but_for_secrets(tmp_path: Path) -> None:
    settings = read(tmp_path, f'admin = "127.0.0.1:1"\n{LEAST}')
    assert read(tmp_path, effective(settings)) == settings
    secret = read(tmp_path, f'admin_token = "a word"\n{LEAST}')
    assert "a word" not in effective(secret) + repr(secret)
    assert 'admin_token = "•••"' in effective(secret)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[service]", "is not TOML:"),
        ("", "service: must be at least one."),
        ("service = 3", "service = 3: must be a list of tables, [[…]]."),
        ('listen = "8000"', "listen = '8000': there is no such setting."),
        ('services = "x"', "services = 'x': there is no such setting."),
        (LEAST + "port = 1", "service 1: worker 1: port = 1: there is no such setting."),
        (LEAST + "weight = 0", "service 1: worker 1: weight = 0: must be from 1 to 1000."),
        (LEAST + 'weight = "3"', "service 1: worker 1: weight = '3': must be a whole number."),
        (LEAST + "weight = true", "service 1: worker 1: weight = True: must be a whole number."),
        (LEAST + "weight = 1.5", "service 1: worker 1: weight = 1.5: must be a whole number."),
        (LEAST.replace(":5001", ""), "worker 1: address = '127.0.0.1': must be host:port"),
        (LEAST.replace("5001", "0"), "worker 1: address = '127.0.0.1:0': must be host:port"),
        (LEAST.replace("5001", "65536"), "address = '127.0.0.1:65536': must be host:port"),
        (LEAST.replace('"web"', '"a b"'), "service 1: name = 'a b': must be of letters"),
        (LEAST.replace('name = "web"', ""), "service 1: name: must be set."),
        (LEAST.replace("127.0.0.1:8000", "::1:8000"), "listen = '::1:8000': must be host:port"),
        (LEAST[: LEAST.index("[[service.")], "service 1: worker: must be at least one."),
        (LEAST + LEAST, "service: name = 'web': must be there once."),
        (LEAST + LEAST.replace("web", "b"), "listen = '127.0.0.1:8000': must be there once."),
        (LEAST + LEAST[LEAST.index("[[service.") :], "worker = '127.0.0.1:5001': must be there"),
        ("drain_timeout_s = -1" + LEAST, "drain_timeout_s = -1.0: must be from 0 to 86400."),
        ('drain_timeout_s = "1"' + LEAST, "drain_timeout_s = '1': must be a number."),
        ("drain_timeout_s = nan" + LEAST, "drain_timeout_s = nan: must be from 0 to 86400."),
        ('admin = "0.0.0.0:1"' + LEAST, "admin = '0.0.0.0:1': must be on loopback, or"),
        ('admin = "host:1"' + LEAST, "admin = 'host:1': must be on loopback, or"),
        ("admin_token = 12345" + LEAST, "admin_token = •••: must be a text."),
        ('log_level = "loud"' + LEAST, "log_level = 'loud': must be one of debug, info"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path}/lb.toml: ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value).removesuffix("\n")


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("protocol", "udp", "must be one of http, tcp"),
        ("policy", "random", "must be one of round_robin"),
        ("proxy_protocol", "v3", "must be one of none, v1, v2"),
        ("check", "ping", "must be one of http, tcp, none"),
        ("check_path", "health", "must begin with /"),
        ("check_path", "/a b", "must begin with /"),
        ("check_host", "a\r\nb", "must hold neither spaces"),
        ("check_interval_s", 0, "must be from 0.05"),
        ("connect_timeout_s", 61, "must be from 0.01 to 60"),
        ("failures_down", 0, "must be from 1 to 100"),
        ("exempt_networks", ["10.0.0.1/8"], "must be addresses or networks"),
        ("exempt_networks", [1], "must be a list of texts"),
        ("max_connections", -1, "must be from 0"),
        ("certificate_file", "a.pem", "must be set both or neither"),
    ],
)
def test_a_wrong_value_of_a_service_is_refused(key: str, value: object, rule: str) -> None:
    worker = {"address": "127.0.0.1:5001"}
    service = {"name": "web", "listen": "8000", "worker": [worker], key: value}
    with pytest.raises(SettingsError, match="the command line: service 1: ") as refused:
        from_document({"service": [service]}, "the command line")
    assert key in str(refused.value)
    assert rule in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory"):
        load(tmp_path / "missing.toml")
