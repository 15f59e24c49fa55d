"""The base of every group of settings: what a table of the file may hold at all."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Group(BaseModel):
    """A table of the TOML file. Numbers may be written as text, as flags and variables have them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _reject_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        takes_boolean = info.field_name is not None and cls.model_fields[info.field_name].annotation is bool
        if isinstance(value, bool) and not takes_boolean:  # pydantic takes it for 0 and 1
            raise PydanticCustomError("boolean", "Input should be a number or a text")
        return value
