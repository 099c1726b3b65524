"""Settings come from four places, and a wrong one stops the start with a sentence."""

from pathlib import Path

import pytest

from config.load import load
from config.settings import Secret, Settings, SettingsError, effective, example

ROOT = Path(__file__).resolve().parents[2]


PRESIGNED = 's3_presigned = "on"\nfiles = "s3://sealroom/a"\n'


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "sealroom.toml"
    path.write_text(text)
    return str(path)


def test_nothing_needs_to_be_set() -> None:
    settings = load(environment={})
    assert settings == Settings()
    assert settings.database_url == "sqlite:///./data/sealroom.db"
    assert settings.hosts == ("localhost", "127.0.0.1", "[::1]")


def test_file_beats_default_environment_beats_file_and_named_file_beats_all(tmp_path: Path) -> None:
    config = write(tmp_path, 'port = 9000\nhost = "0.0.0.0"\nlog_level = "debug"\n')
    (tmp_path / "port").write_text("9002\n")
    from_file = load(config, {})
    assert (from_file.port, from_file.host, from_file.mail) == (9000, "0.0.0.0", "outbox")
    assert load(config, {"SEALROOM_PORT": "9001"}).port == 9001
    both = {"SEALROOM_PORT": "9001", "SEALROOM_PORT_FILE": str(tmp_path / "port")}
    assert load(config, both).port == 9002


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    assert load(environment={"SEALROOM_CONFIG": write(tmp_path, "port = 9000")}).port == 9000


def test_a_server_does_not_mind_what_the_tests_are_told() -> None:
    assert load(environment={"SEALROOM_TEST_MONGODB_URI": "mongodb://host/"}) == Settings()


def test_lists_and_fractions_are_read_from_both(tmp_path: Path) -> None:
    config = write(tmp_path, 'trusted_proxies = ["10.0.0.0/8"]\ndrain_wait_s = 2\n')
    assert load(config, {}).trusted_proxies == ("10.0.0.0/8",)
    assert load(config, {}).drain_wait_s == 2.0
    env = {"SEALROOM_TRUSTED_PROXIES": "10.0.0.1, ::1", "SEALROOM_DRAIN_WAIT_S": "0.5"}
    assert load(environment=env).trusted_proxies == ("10.0.0.1", "::1")
    assert load(environment=env).drain_wait_s == 0.5


def test_the_host_of_the_public_url_is_answered() -> None:
    env = {"SEALROOM_PUBLIC_URL": "https://chat.example.org"}
    assert load(environment=env).hosts[-1] == "chat.example.org"
    env = {"SEALROOM_PUBLIC_URL": "http://[fd00::1]:8888"}
    assert load(environment=env).hosts[-1] == "[fd00::1]"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prot = 1", "prot = 1: there is no such setting in a file."),
        ("port = 70000", "port = 70000: must be from 0 to 65535."),
        ('port = "80"', "port = '80': must be a whole number."),
        ("port = true", "port = True: must be a whole number."),
        ("host = 1", "host = 1: must be a text."),
        ("trusted_proxies = [1]", "trusted_proxies = [1]: must be a list of texts."),
        ('trusted_proxies = ["all"]', "must be addresses or networks like 10.0.0.0/8"),
        ('mail = "pigeon"', "mail = 'pigeon': must be one of outbox, smtp."),
        ('mail = "smtp"', "smtp_host = '': must be set when mail is smtp."),
        ('public_url = "https://x.org/chat"', "an origin like https://chat.example.org"),
        ('public_url = "https://x.org:no"', "an origin like https://chat.example.org"),
        ('allowed_hosts = ["X.org:80"]', "must be lower-case host names"),
        ('database = "mysql://x"', "must be empty or begin with sqlite:///"),
        ('s3_presigned = "on"', "s3_presigned = 'on': needs files in an S3 bucket."),
        (f"{PRESIGNED}", "s3_presigned = 'on': needs s3_public_endpoint or s3_endpoint."),
        (f'{PRESIGNED}s3_endpoint = "http://s3.example.org"', "must be https, or on loopback."),
        (
            f'{PRESIGNED}s3_endpoint = "https://s3"\ns3_public_endpoint = "http://10.0.0.1:8333"',
            "s3_public_endpoint = 'http://10.0.0.1:8333': must be https, or on loopback.",
        ),
        (f'{PRESIGNED}s3_endpoint = "https://s3;b c"', "must be a plain host name."),
        (f'{PRESIGNED}s3_endpoint = "https://*"', "must be a plain host name."),
        (f'{PRESIGNED}s3_endpoint = "https://[::1]"', "must be a plain host name."),
        ('mail_from = "a@b\\nBcc: c@d"', "must hold an address and no line break"),
        ('test_clock_file = "x"', "there is no such setting in a file"),
        ("port = ", "is not TOML"),
    ],
)
def test_a_wrong_file_stops_the_start_and_names_key_value_and_rule(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, text), {})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("addressing", "endpoint", "origin"),
    [
        ("path", "https://S3.example.org", "https://s3.example.org"),
        ("virtual", "https://s3.example.org", "https://sealroom.s3.example.org"),
        ("path", "http://127.0.0.1:8333", "http://127.0.0.1:8333"),
        ("virtual", "http://localhost:8333", "http://sealroom.localhost:8333"),
    ],
)
def test_clients_go_to_one_origin_if_they_are_to(
    addressing: str, endpoint: str, origin: str
) -> None:
    files = {"SEALROOM_FILES": "s3://sealroom/a", "SEALROOM_S3_ADDRESSING": addressing}
    off = files | {"SEALROOM_S3_PUBLIC_ENDPOINT": endpoint}
    on = off | {"SEALROOM_S3_PRESIGNED": "on", "SEALROOM_S3_ENDPOINT": "http://files:8333"}
    assert load(environment=on).parts_origin == origin
    assert load(environment=off).parts_origin == ""


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"SEALROOM_PROT": "1"}, "SEALROOM_PROT = '1': there is no such setting."),
        ({"SEALROOM_PORT": "many"}, "port = 'many': must be a number."),
        ({"SEALROOM_PORT_FILE": "/not/there"}, "No such file or directory"),
        ({"SEALROOM_CONFIG": "/not/there"}, "No such file or directory"),
        (
            {"SEALROOM_HOST": "0.0.0.0", "SEALROOM_TEST_CLOCK_FILE": "x"},
            "test_clock_file = 'x': needs a loopback host.",
        ),
    ],
)
def test_a_wrong_environment_stops_the_start(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environment=env)
    assert sentence in str(caught.value)


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    settings = load(environment={"SEALROOM_SMTP_PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.smtp_password == "hunter2"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in effective(settings)
    assert 'smtp_password = "•••"' in effective(settings)
    assert repr(Secret("x")) == "•••"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "mongodb://an:hunter2@db.example.org:27017/chat",
            "mongodb://•••@db.example.org:27017/chat",
        ),
        ("mongodb+srv://an:hunter2@db.example.org", "mongodb+srv://•••@db.example.org"),
        ("mongodb://an:hun@ter2/?@a.example,b.example/", "mongodb://•••@a.example,b.example/"),
        ("mongodb://an:x://hunter2@db/", "mongodb://•••@db/"),
        ("mongodb://db/?tlsCertificateKeyFilePassword=hunter2", "mongodb://db/?•••"),
        ("mongodb://db:27017/chat", "mongodb://db:27017/chat"),
        ("sqlite:///data/sealroom.db", "sqlite:///data/sealroom.db"),
    ],
)
def test_of_a_database_url_neither_log_in_nor_options_are_shown(url: str, shown: str) -> None:
    settings = load(environment={"SEALROOM_DATABASE": url})
    assert settings.database_url == url
    assert f'database = "{shown}"' in effective(settings).splitlines()
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("key", ["database", "bus"])
@pytest.mark.parametrize("url", ["pigeon://an:hunter2@host", "an:hunter2@host", "x:hunter2@y?z"])
def test_a_wrong_url_stops_the_start_without_its_password(key: str, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environment={f"SEALROOM_{key.upper()}": url})
    assert f"{key} = '" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_what_check_prints_is_what_is_in_force() -> None:
    rows = effective(load(environment={"SEALROOM_PORT": "9001"})).splitlines()
    assert "port = 9001" in rows
    assert 'allowed_hosts = ["localhost", "127.0.0.1", "[::1]"]' in rows


def test_the_example_is_generated_from_the_settings() -> None:
    assert (ROOT / "config/sealroom.example.toml").read_text() == example(), (
        "run: python server.py --example > config/sealroom.example.toml"
    )


def test_the_example_is_valid_when_every_line_counts(tmp_path: Path) -> None:
    rows = [row.removeprefix("# ") for row in example().splitlines() if " = " in row]
    assert load(write(tmp_path, "\n".join(rows)), {}) == Settings()
