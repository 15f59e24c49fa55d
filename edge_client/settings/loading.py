"""Settings as people write them: flags, then the environment, then a TOML file, the first that names a value winning.

It knows what a file's bytes and a flag's text may look like; the limits are in ``schema.py``.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_client.settings.aliases import rename_settings
from edge_client.settings.schema import ENVIRONMENT, LONGEST_SHOWN, Settings

MAX_BYTES: Final = 1_000_000
SECRET: Final = "cloud.api_key"  # noqa: S105 - the name of a setting

_ERROR_PATH: Final = re.compile(r"at `\$\.([\w.]+)`$")
_SCHEME: Final = re.compile(r"^\s*([A-Za-z]+)(?=://)")

Tables = dict[str, Any]


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
    tables = read_tables(file) if file else {}
    for group, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError(f"{file}: {group} is not a table, expected one of {list(Settings.__struct_fields__)}")
    tables = read_values(tables)
    try:
        trigger = rename_settings({f"trigger.{name}": value for name, value in tables.get("trigger", {}).items()})
        flags = rename_settings(flags or {})
    except ValueError as error:
        raise SettingsError(f"{file or 'the settings'}: {error}") from error
    tables |= {"trigger": {path.removeprefix("trigger."): value for path, value in trigger.items()}}
    named = {path: environment[name] for name, path in ENVIRONMENT.items() if environment.get(name)}
    for path, text in {**named, **flags}.items():
        group, field = path.split(".")
        tables.setdefault(group, {})[field] = read_text(path, text)
    try:
        # Environment and flags are text: lax conversion reads their numbers.
        return msgspec.convert(tables, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{file or 'the settings'}: {describe_found(str(error), tables)}") from error


def read_tables(file: Path) -> Tables:
    """The tables of a TOML file; a byte order mark, as Windows writes it, is passed over.

    Raises:
        SettingsError: it can't be read, isn't UTF-8, or isn't TOML.
    """
    try:
        with file.open("rb") as opened:  # a pipe is fine too
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{file} has more than {MAX_BYTES} bytes, expected a settings file")
    try:
        return tomllib.loads(data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = error.start - data.rfind(b"\n", 0, error.start)
        found = f"{file}, line {line}, byte {byte} (0x{data[error.start]:02x})"
        raise SettingsError(f"{found} is not UTF-8: save the file as UTF-8") from error
    except RecursionError as error:
        raise SettingsError(f"{file} is not TOML: it is nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        raise SettingsError(f"{file} is not TOML: {error}") from error


def read_text(path: str, text: str) -> Any:
    """A setting's text as its field wants it: lists as ``a,b``, mappings as ``a=b,c=d``, all else as it is.

    Raises:
        SettingsError: a mapping's part has no ``=``.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if path in ("trigger.rest_labels", "screen.hosts"):
        return parts
    if path == "publish.keys":
        for part in parts:
            if "=" not in part:
                raise SettingsError(f"publish.keys has {part[:LONGEST_SHOWN]!r}, expected label=key")
        pairs = [part.partition("=") for part in parts]
        return {label.strip(): key.strip() for label, _, key in pairs}
    if path in ("cloud.url", "publish.url"):
        return _SCHEME.sub(lambda found: found[1].lower(), text)
    return text


def read_values(tables: Mapping[str, Any]) -> Tables:
    """The tables of a file with what people write for a text as the field wants it; the rest is as it is.

    Raises:
        SettingsError: as ``read_text``.
    """
    read: Tables = {}
    for group, table in tables.items():
        read[group] = dict(table)
        for name, value in table.items():
            if isinstance(value, str):
                read[group][name] = read_text(f"{group}.{name}", value)
            elif (group, name) == ("capture", "source") and isinstance(value, int) and value is not True and value >= 0:
                read[group][name] = str(value)
    return read


def describe_found(message: str, tables: Mapping[str, Any]) -> str:
    """A message of ``msgspec``, which ends in the place, with the value that was found there."""
    place = _ERROR_PATH.search(message)
    if place is None or place[1] == SECRET:
        return message
    value: Any = tables
    for name in place[1].split("."):
        if not isinstance(value, Mapping) or name not in value:
            return message
        value = value[name]
    if isinstance(value, Mapping):  # a check of several fields, which says itself what it found; one may be a secret
        return message[: place.start()].removesuffix(" - ")
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f"{message}, found {shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + '…'}"
