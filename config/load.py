"""Where settings come from: defaults < TOML file < environment < files named by the environment.

    sealroom.toml          port = 9000
    SEALROOM_PORT          9001
    SEALROOM_PORT_FILE     a file that holds 9002

The TOML file is named by `--config` or SEALROOM_CONFIG. Lists in the environment are separated by
commas. This is the only module that reads the environment.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.settings import Secret, Settings, SettingsError, check

_PREFIX = "SEALROOM_"
# Read here, or by the tests, whose servers inherit it.
_NO_SETTINGS = ("SEALROOM_CONFIG", "SEALROOM_TEST_MONGODB_URI")
_FIELDS = {field.name: field for field in dataclasses.fields(Settings)}


def load(config: str | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings.

    Args:
        config: path of the TOML file; None leaves it to SEALROOM_CONFIG.
        environment: instead of the process's own.

    Raises: SettingsError
    """
    env = os.environ if environment is None else environment
    path = config or env.get(f"{_PREFIX}CONFIG")
    values: dict[str, Any] = _from_toml(Path(path)) if path else {}
    values |= _from_environment(env)
    settings = Settings(**values)
    check(settings)
    return settings


def _from_toml(path: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"config = {str(path)!r}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"config = {str(path)!r}: is not TOML: {error}.") from error
    values: dict[str, object] = {}
    for name, value in document.items():
        field = _FIELDS.get(name)
        if field is None or field.metadata["only_environment"]:
            raise SettingsError(f"{name} = {value!r}: there is no such setting in a file.")
        values[name] = _typed(name, value)
    return values


def _from_environment(env: Mapping[str, str]) -> dict[str, object]:
    direct: dict[str, object] = {}
    from_files: dict[str, object] = {}
    for variable, text in sorted(env.items()):
        if not variable.startswith(_PREFIX) or variable in _NO_SETTINGS:
            continue
        name = variable.removeprefix(_PREFIX).lower()
        if name in _FIELDS:
            direct[name] = _parsed(name, text)
        elif (key := name.removesuffix("_file")) != name and key in _FIELDS:
            from_files[key] = _parsed(key, _read(variable, text))
        else:
            raise SettingsError(f"{variable} = {text!r}: there is no such setting.")
    return direct | from_files


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{variable} = {path!r}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{variable} = {path!r}: is not UTF-8 text.") from error


def _parsed(name: str, text: str) -> object:
    """Read the text of an environment variable as the type of the setting."""
    default = _FIELDS[name].default
    try:
        if isinstance(default, int):
            return int(text)
        if isinstance(default, float):
            return float(text)
    except ValueError as error:
        raise SettingsError(f"{name} = {text!r}: must be a number.") from error
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return _typed(name, text)


def _typed(name: str, value: object) -> object:
    """Check a TOML value against the type of the setting's default."""
    default = _FIELDS[name].default
    if isinstance(default, Secret) and isinstance(value, str):
        return type(default)(value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list):
        if not all(isinstance(part, str) for part in value):
            raise SettingsError(f"{name} = {value!r}: must be a list of texts.")
        return tuple(value)
    if type(value) is not type(default):
        kind = {int: "a whole number", float: "a number", tuple: "a list of texts"}
        shown = Secret("?") if isinstance(default, Secret) else value
        raise SettingsError(f"{name} = {shown!r}: must be {kind.get(type(default), 'a text')}.")
    return value
