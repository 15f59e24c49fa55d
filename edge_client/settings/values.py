"""Types of settings: what their text looks like in a flag, a variable or a file, and their limits.

A ``ValueError`` of a check goes on after the setting's name: ``cloud.url`` + ``has a user or a password, ...``.
"""

import re
import string
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

LONGEST_SHOWN: Final = 60
LONGEST_TOPIC: Final = 200
HOST_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "-._")
VOCABULARY_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAMED_VOCABULARY: Final = re.compile(r".*/vocabularies/(?P<name>.+)")
# What the client adds to the base URL by itself.
SERVICE_ROUTES: Final = ("/predict", "/metadata", "/health", "/stream", "/analyze", "/v2")


def read_index(value: Any) -> Any:
    """A camera's index, which a file may have as a number, as the text that names a source."""
    return str(value) if isinstance(value, int) and value >= 0 else value


def split_list(value: Any) -> Any:
    """``a, b`` as a list; anything but text as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def split_pairs(value: Any) -> Any:
    """``a=b, c=d`` as a mapping; anything but text as it is.

    Raises:
        ValueError: a part has no ``=``.
    """
    if not isinstance(value, str):
        return value
    pairs = {}
    for part in split_list(value):
        label, equals, key = part.partition("=")
        if not equals:
            raise ValueError(f"has {part[:LONGEST_SHOWN]!r}, expected label=key")
        pairs[label.strip()] = key.strip()
    return pairs


def check_url(url: str) -> str:
    """An HTTP URL, its scheme in small letters: with a host, a port where it names one, and nobody's password.

    Raises:
        ValueError: it can't be asked; a password is never quoted.
    """
    expected = "expected one as http://host:port/path"
    url = url.lstrip()
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError("it names no host")
        if parts.port == 0:
            raise ValueError("port 0")
    except ValueError as error:
        raise ValueError(f"is no URL that can be asked ({error}), {expected}") from error
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or a password, expected neither: keys go into HELEN_API_KEY")
    if parts.scheme not in ("http", "https") or not url.isprintable() or " " in url:
        raise ValueError(f"is {url[:LONGEST_SHOWN]!r}, {expected}")
    return parts.scheme + url[len(parts.scheme) :]


def check_base_url(url: str) -> str:
    """The URL that a service's routes are put behind, without a slash at its end.

    Raises:
        ValueError: as ``check_url``, or it has a query, a fragment, one of these routes already, or the name of a
            vocabulary that can't be one.
    """
    parts = urlsplit(check_url(url))
    base = parts._replace(query="", fragment="").geturl().rstrip("/")
    if parts.query or parts.fragment:
        raise ValueError(f"is {url!r}, expected no query and no fragment ({base})")
    for route in SERVICE_ROUTES:
        if base.endswith(route):
            raise ValueError(f"ends in {route}, expected the service's base URL ({base.removesuffix(route)})")
    named = NAMED_VOCABULARY.fullmatch(base)
    if named and not VOCABULARY_NAME.fullmatch(named["name"]):
        found = named["name"][:LONGEST_SHOWN]
        raise ValueError(f"names the vocabulary {found!r}, expected a-z or 0-9 first, then those, _ and -, at most 64")
    return base


def check_header(text: str) -> str:
    """Text that a header can carry.

    Raises:
        ValueError: it isn't printable ASCII; it may be a secret, so it isn't quoted.
    """
    if text and not (text.isascii() and text.isprintable()):
        raise ValueError("has a letter that no header can carry, expected printable ASCII")
    return text


def check_host(name: str) -> str:
    """A host's name alone.

    Raises:
        ValueError: it has a scheme, a port or anything else.
    """
    if not name or not set(name) <= HOST_NAME_CHARACTERS:
        raise ValueError(f"is {name[:LONGEST_SHOWN]!r}, expected a name alone, such as raspberrypi.lan")
    return name


def check_host_text(host: str) -> str:
    """A host's name or IP address, or nothing.

    Raises:
        ValueError: it has a scheme, a port or anything else; a password is never quoted.
    """
    if "@" in host:
        raise ValueError("has a user or a password, expected neither: they go into mqtt.user and HELEN_MQTT_PASSWORD")
    if host and not set(host) <= HOST_NAME_CHARACTERS | set(":" if host.count(":") > 1 else ""):
        found = host[:LONGEST_SHOWN]
        raise ValueError(f"is {found!r}, expected a name or an address alone, such as 192.168.1.10")
    return host


def check_topic(topic: str) -> str:
    """The beginning of an MQTT topic, or nothing.

    Raises:
        ValueError: it has a wildcard, an empty level, or what is no text.
    """
    empty_level = topic != "" and "" in topic.split("/")
    if empty_level or set(topic) & {"+", "#"} or not topic.isprintable() or len(topic) > LONGEST_TOPIC:
        raise ValueError(f"is {topic[:LONGEST_SHOWN]!r}, expected a topic such as helen/door, without + and #")
    return topic


def read_whole_number(value: Any) -> Any:
    """A whole number that is written as text; anything else as it is."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10 else value


def check_region(region: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A part of a picture: x, y, width, height in shares of it.

    Raises:
        ValueError: it has no size, or goes beyond the picture.
    """
    x, y, width, height = region
    if not (0 < width <= 1 - x + _ROUNDING and 0 < height <= 1 - y + _ROUNDING):
        raise ValueError(f"is {list(region)}, expected x, y, width, height with x + width and y + height at most 1")
    return region


_ROUNDING: Final = 1e-6

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Rotation = Annotated[Literal[0, 90, 180, 270], BeforeValidator(read_whole_number)]
Region = Annotated[tuple[Share, Share, Share, Share], BeforeValidator(split_list), AfterValidator(check_region)]
SourceName = Annotated[str, Field(min_length=1), BeforeValidator(read_index)]
Url = Annotated[str, AfterValidator(check_url)]
BaseUrl = Annotated[str, AfterValidator(check_base_url)]
HeaderText = Annotated[str, AfterValidator(check_header)]
Labels = Annotated[tuple[str, ...], BeforeValidator(split_list)]
HostNames = Annotated[tuple[Annotated[str, AfterValidator(check_host)], ...], BeforeValidator(split_list)]
Pairs = Annotated[dict[str, str], BeforeValidator(split_pairs)]
HostText = Annotated[str, AfterValidator(check_host_text)]
TopicPrefix = Annotated[str, AfterValidator(check_topic)]
