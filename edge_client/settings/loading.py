"""Settings as people write them: flags, then the environment, then a TOML file, the first that names a value winning.

It knows what a file's bytes may look like; the limits are in ``schema.py``, the texts in ``values.py``.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from edge_client.settings.aliases import rename_settings
from edge_client.settings.schema import ENVIRONMENT, Settings
from edge_client.settings.values import LONGEST_SHOWN

MAX_BYTES: Final = 1_000_000
SECRETS: Final = ("cloud.api_key", "mqtt.password")
RULES: Final = "actions.rules"  # an address or a header of theirs may be a secret

Tables = dict[str, dict[str, Any]]


class SettingsError(Exception):
    """A setting can't be used; the message names it, the value found and what was expected."""


def load_settings(
    file: Path | None = None, flags: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from ``flags`` (``"cloud.url": "..."``), then the environment, then ``file``, then the defaults.

    Raises:
        SettingsError: a file that can't be read, an unknown name, or a value outside its limits.
    """
    environment = os.environ if environment is None else environment
    variables = {path: environment[name] for name, path in ENVIRONMENT.items() if environment.get(name)}
    layers = [group_by_table(flags or {}), group_by_table(variables), read_tables(file) if file else {}]
    try:
        layers = [rename_settings(layer) for layer in layers]
    except ValueError as error:
        raise SettingsError(f"{file or 'the settings'}: {error}") from error

    class Layers(BaseSettings, extra="allow"):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(InitSettingsSource(settings_cls, layer) for layer in layers)

    try:
        return Settings.model_validate(Layers().model_extra)
    except ValidationError as error:
        raise SettingsError(f"{file or 'the settings'}: {describe_error(error.errors()[0])}") from error


def group_by_table(values: Mapping[str, str]) -> Tables:
    """Values by their paths, ``"cloud.url"``, as the tables of a file."""
    tables: Tables = {}
    for path, value in values.items():
        group, name = path.split(".")
        tables.setdefault(group, {})[name] = value
    return tables


def read_tables(file: Path) -> Tables:
    """The tables of a TOML file; a byte order mark, as Windows writes it, is passed over.

    Raises:
        SettingsError: it can't be read, isn't UTF-8, isn't TOML, or has a value outside of its tables.
    """
    try:
        with file.open("rb") as opened:  # a pipe is fine too
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{file} has more than {MAX_BYTES} bytes, expected a settings file")
    try:
        tables = tomllib.loads(data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = error.start - data.rfind(b"\n", 0, error.start)
        found = f"{file}, line {line}, byte {byte} (0x{data[error.start]:02x})"
        raise SettingsError(f"{found} is not UTF-8: save the file as UTF-8") from error
    except RecursionError as error:
        raise SettingsError(f"{file} is not TOML: it is nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        raise SettingsError(f"{file} is not TOML: {error}") from error
    for group, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError(f"{file}: {group} is not a table, expected one of {list(Settings.model_fields)}")
    return tables


def describe_error(error: ErrorDetails) -> str:
    """One error of ``pydantic`` as one sentence: the setting, what is wrong with it, and the value that was found."""
    path = repr(".".join(map(str, error["loc"])))[1:-1]  # a name in a file may have line breaks
    if error["type"] == "extra_forbidden":
        return f"{path} is unknown, expected a name that `python -m edge_client settings` prints"
    if error["type"] == "value_error":  # of our own check, which says what it found
        return f"{path} {error['ctx']['error']}"
    hidden = path.startswith(RULES) and not isinstance(error["input"], int | float)
    if path in SECRETS or hidden:
        return f"{path}: {error['msg']}"
    shown = str(error["input"]).lower() if isinstance(error["input"], bool) else repr(error["input"])
    return f"{path}: {error['msg']}, found {shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + '…'}"
