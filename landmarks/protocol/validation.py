"""A validation error of typed JSON as one message: the field, what was found and what was expected.

Formats text only; decoding and raising are the caller's.
"""

import msgspec

FOUND = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a number",
    "object": "an object",
    "str": "a string",
}
EXPECTED = FOUND | {"int": "a whole number"}


def format_validation_error(error: msgspec.ValidationError) -> str:
    """A ``msgspec`` message, ``Expected `float`, got `str` - at `$.sequence[0]```, as a message naming the field."""
    problem, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").removeprefix(".") or "the body"
    if problem.startswith("Object missing required field"):
        return f"{problem.split('`')[1]} is missing, expected it in {field}"
    if problem == "Number out of range":
        return f"{field} is beyond the range of numbers, expected a finite number"
    expected, separator, found = problem.removeprefix("Expected ").partition(", got ")
    if not separator:
        return f"{field} is refused: {problem}"
    return f"{field} is {describe_types(found, FOUND)}, expected {describe_types(expected, EXPECTED)}"


def describe_types(types: str, names: dict[str, str]) -> str:
    """Type names of ``msgspec``, such as ```array | null```, in words."""
    return " or ".join(names.get(name, name) for name in types.strip("`").split(" | "))
