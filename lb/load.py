"""Read, check and print settings.

    admin = "127.0.0.1:8010"          Settings
    [[service]]                       ServiceSettings
    name = "web"
    listen = "0.0.0.0:8000"
    [[service.worker]]                WorkerSettings
    address = "127.0.0.1:5001"

Nothing is half right: the first thing that is wrong raises SettingsError, and nothing starts.
"""

import dataclasses
import ipaddress
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

from lb.addresses import parse_address
from lb.settings import Rule, Secret, ServiceSettings, Settings, SettingsError, WorkerSettings

_T = TypeVar("_T", Settings, ServiceSettings, WorkerSettings)
# The name of a list of tables in a file, the field it becomes, and what each of its tables is.
_LISTS: dict[type, tuple[str, str, type]] = {
    Settings: ("service", "services", ServiceSettings),
    ServiceSettings: ("worker", "workers", WorkerSettings),
}
_KINDS = {int: "a whole number", float: "a number", tuple: "a list of texts"}


def load(path: Path) -> Settings:
    """Read and check a TOML file.

    Raises: SettingsError
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}.") from error
    return from_document(document, str(path))


def from_document(document: dict[str, Any], source: str) -> Settings:
    """Check what a file or the command line said; `source` names it.

    Raises: SettingsError
    """
    settings = _read(Settings, document, f"{source}: ")
    _check_together(settings, f"{source}: ")
    return settings


def _read(kind: type[_T], table: dict[str, Any], where: str) -> _T:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    key, many, part = _LISTS.get(kind, ("", "", kind))
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name == key:
            values[many] = tuple(_read_list(part, value, f"{where}{key}"))
        elif name in fields and name != many:
            values[name] = _typed(fields[name], value, f"{where}{name}")
        else:
            raise SettingsError(f"{where}{name} = {value!r}: there is no such setting.")
    for name, field in fields.items():
        if name not in values and field.default is dataclasses.MISSING:
            raise SettingsError(f"{where}{name}: must be set.")
        _hold(field, values.get(name, field.default), f"{where}{key if name == many else name}")
    return cast(_T, kind(**values))


def _read_list(kind: type[Any], value: object, where: str) -> Iterator[Any]:
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise SettingsError(f"{where} = {value!r}: must be a list of tables, [[…]].")
    for number, table in enumerate(value, 1):
        yield _read(kind, table, f"{where} {number}: ")


def _typed(field: "dataclasses.Field[Any]", value: object, where: str) -> object:
    kind = str if field.default is dataclasses.MISSING else type(field.default)
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is tuple and isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    if type(value) is not kind:
        shown = "•••" if kind is Secret else repr(value)
        raise SettingsError(f"{where} = {shown}: must be {_KINDS.get(kind, 'a text')}.")
    return value


def _hold(field: "dataclasses.Field[Any]", value: object, where: str) -> None:
    rule = cast(Rule | None, field.metadata["rule"])
    if rule and not rule[1](value):
        shown = "" if value == () else f" = {value!r}"
        raise SettingsError(f"{where}{shown}: {rule[0]}.")


def _check_together(settings: Settings, where: str) -> None:
    if settings.admin and not (_is_loopback(settings.admin) or settings.admin_token):
        raise SettingsError(
            f"{where}admin = {settings.admin!r}: must be on loopback, or admin_token must be set."
        )
    for number, service in enumerate(settings.services, 1):
        if bool(service.certificate_file) != bool(service.key_file):
            raise SettingsError(
                f"{where}service {number}: certificate_file and key_file: "
                "must be set both or neither."
            )
        _differ([worker.address for worker in service.workers], f"{where}service {number}: worker")
    _differ([service.name for service in settings.services], f"{where}service: name")
    listens = [service.listen for service in settings.services if service.address.port]
    _differ(listens, f"{where}service: listen")


def _is_loopback(text: str) -> bool:
    host = parse_address(text).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _differ(values: list[str], where: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise SettingsError(f"{where} = {value!r}: must be there once.")


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Secret):
        return '"•••"' if value else '""'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def effective(settings: Settings) -> str:
    """Return all settings as they are in force, as TOML; secrets as •••."""
    return "\n".join(_rows(settings)) + "\n"


def _rows(part: Settings | ServiceSettings | WorkerSettings, path: str = "") -> Iterator[str]:
    key, many, _ = _LISTS.get(type(part), ("", "", type(part)))
    for field in dataclasses.fields(part):
        if field.name != many:
            yield f"{field.name} = {_toml(getattr(part, field.name))}"
    for child in getattr(part, many, ()):
        yield f"\n[[{path}{key}]]"
        yield from _rows(child, f"{path}{key}.")


# What the example sets: the ports and weights of `make cluster` (S0-52, S0-61).
_SERVICE = {"name": "web", "listen": "0.0.0.0:8000"}
_WORKERS = ({"address": "127.0.0.1:5001", "weight": 3}, {"address": "127.0.0.1:5002", "weight": 2})
_MESSENGER = """
[[service]]
name = "messenger"
listen = "0.0.0.0:9000"
protocol = "tcp"

[[service.worker]]
address = "127.0.0.1:9991"
check_address = "127.0.0.1:5001"

[[service.worker]]
address = "127.0.0.1:9992"
check_address = "127.0.0.1:5002"
"""


def example() -> str:
    """Return the example file: every setting with its meaning, and two services that work."""
    lines = [
        "# Settings of the load balancer, with their defaults; start with",
        "#     python -m lb --config FILE",
        "# A limit of 0 is none.",
        *_described(Settings, {}),
        "\n[[service]]",
        *_described(ServiceSettings, _SERVICE),
    ]
    for number, worker in enumerate(_WORKERS):
        lines.append("\n[[service.worker]]")
        plain = [f"{name} = {_toml(value)}" for name, value in worker.items()]
        lines += plain if number else _described(WorkerSettings, worker)
    return "\n".join(lines) + "\n" + _MESSENGER


def _described(kind: type[Any], values: dict[str, Any]) -> Iterator[str]:
    for field in dataclasses.fields(kind):
        if not field.metadata["meaning"]:
            continue
        is_set = field.name in values
        value = values[field.name] if is_set else field.default
        yield f"\n# {field.metadata['meaning']}"
        yield f"{'' if is_set else '# '}{field.name} = {_toml(value)}"
