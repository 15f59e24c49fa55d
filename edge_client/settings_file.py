"""The settings as a commented TOML file and as a list of flags, both made from the classes in ``settings/schema.py``.

It reads nothing (``settings.load_settings`` does). ``edge_client/edge.toml`` is its output, and a test says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from edge_client.settings import Settings
from edge_client.settings.schema import ENVIRONMENT

HEADER = """\
# Settings of Helen's Raspberry Pi client: the defaults, each with what it does.
# Change what you need and pass the file: python -m edge_client run --settings edge.toml
# Flags (--cloud-url ...) and environment variables come before this file.
"""


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting: ``path`` is ``group.name``; ``default`` its value; ``description`` what it does."""

    path: str
    description: str
    default: Any

    @property
    def flag(self) -> str:
        return "--" + self.path.replace(".", "-").replace("_", "-")


def setting_fields() -> Iterator[SettingField]:
    """Every setting, in the order of the classes."""
    defaults = Settings()
    for group in Settings.__struct_fields__:
        table = getattr(defaults, group)
        hints = get_type_hints(type(table), include_extras=True)
        for name in table.__struct_fields__:
            metas = [extra for extra in get_args(hints[name]) if isinstance(extra, msgspec.Meta)]
            description = next((meta.description for meta in metas if meta.description), "")
            yield SettingField(f"{group}.{name}", description, getattr(table, name))


def settings_toml() -> str:
    """The commented TOML file that says what the defaults say."""
    variables = {path: f" ({variable})" for variable, path in ENVIRONMENT.items()}
    groups = {name: group.__doc__ or "" for name, group in get_type_hints(Settings).items()}
    lines = {name: [f"[{name}]  # {said.splitlines()[0]}"] for name, said in groups.items()}
    for field in setting_fields():
        group, name = field.path.split(".")
        note = field.description + variables.get(field.path, "")
        lines[group].append(f"{name} = {_toml_value(field.default)}  # {note}")
    return "\n".join([HEADER, *("\n".join(group) + "\n" for group in lines.values())])


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml_value(item)}" for key, item in value.items()) + "}"
    return msgspec.json.encode(value).decode()
