"""The settings as a commented TOML file and as a list of flags, both made from the classes in ``settings/schema.py``.

It reads nothing (``settings.load_settings`` does). ``edge_client/edge.toml`` is its output, and a test says so.
"""

import json
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from edge_client.settings import Settings
from edge_client.settings.schema import ENVIRONMENT

HEADER = """\
# Settings of Helen's Raspberry Pi client: the defaults, each with what it does.
# Change what you need and pass the file: python -m edge_client run --settings edge.toml
# Flags (--cloud-url ...) and environment variables come before this file.
"""


def setting_fields() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its path, ``group.name``, in the order of the classes."""
    for group, table in Settings():
        for name, field in type(table).model_fields.items():
            yield f"{group}.{name}", field


def settings_toml() -> str:
    """The commented TOML file that says what the defaults say."""
    variables = {path: f" ({variable})" for variable, path in ENVIRONMENT.items()}
    lines = [HEADER]
    for group, table in Settings():
        lines.append(f"[{group}]  # {(table.__doc__ or '').splitlines()[0]}")
        for name, field in type(table).model_fields.items():
            note = f"{field.description}{variables.get(f'{group}.{name}', '')}"
            lines.append(f"{name} = {json.dumps(field.default)}  # {note}")
        lines.append("")
    return "\n".join(lines)
