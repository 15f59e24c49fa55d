"""The settings of a home that reacts: the MQTT broker that gets events, and the actions that a gesture starts."""

import socket
import tomllib
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from edge_client.settings.group import Group
from edge_client.settings.values import HeaderText, HostText, Labels, Seconds, TopicPrefix, Url


class Mqtt(Group):
    """The MQTT broker that gets events too, with Home Assistant's discovery; without a host, none."""

    host: HostText = Field(default="", description="the broker's name or address; empty: no MQTT")
    port: int = Field(default=1883, description="its port; usually 8883 with TLS", ge=1, le=65535)
    tls: bool = Field(default=False, description="whether to speak TLS, and check the broker's certificate")
    ca_file: str = Field(
        default="", description="PEM file of the authority that signed its certificate; empty: the system's"
    )
    user: str = Field(default="", description="its user for Helen; empty: none")
    password: str = Field(
        default="", description="that user's password; better set by HELEN_MQTT_PASSWORD than here", repr=False
    )
    topic: TopicPrefix = Field(
        default="", description="begins every topic; empty: helen/ and this machine's name, so that two don't mix"
    )
    discovery: TopicPrefix = Field(
        default="homeassistant", description="Home Assistant's discovery prefix; empty: no discovery"
    )
    queue: int = Field(
        default=1000, description="events that wait for the broker; beyond it the oldest is dropped", ge=1, le=100_000
    )
    max_age: float = Field(
        default=300.0, description="seconds after which an event that waits is dropped: nobody wants it", gt=0, le=86400
    )
    settle: float = Field(
        default=10.0,
        description="seconds that events wait when the broker is back, so that listeners are too",
        ge=0,
        le=20,
    )

    @property
    def prefix(self) -> str:
        """What begins every topic."""
        return self.topic or f"helen/{socket.gethostname().partition('.')[0] or 'pi'}"

    @model_validator(mode="after")
    def _check_user(self) -> Self:
        if self.password and not self.user:
            raise ValueError("has a password and no user, expected both: set mqtt.user or HELEN_MQTT_USER")
        if self.ca_file and not self.tls:
            raise ValueError("has a ca_file and tls = false, expected tls = true")
        return self


def reject_command_line(value: Any) -> Any:
    """A command as a list; a text would need a shell, which there is none.

    Raises:
        ValueError: it is a text.
    """
    if isinstance(value, str):
        raise ValueError('is one text, expected a list of arguments such as ["xdotool", "key", "Right"]: no shell')
    return value


def parse_rules(value: Any) -> Any:
    """Rules in a flag, which are written as in the file; anything but text as it is.

    Raises:
        ValueError: the text is no list of TOML.
    """
    if not isinstance(value, str):
        return value
    try:
        return tomllib.loads(f"rules = {value}")["rules"]
    except (ValueError, RecursionError) as error:
        raise ValueError('is no list in TOML, expected [{when = "hello", url = "http://..."}]') from error


def check_argument(text: str) -> str:
    """One argument of a command.

    Raises:
        ValueError: it has a null character, which no argument can have.
    """
    if "\0" in text:
        raise ValueError("has a null character, expected text")
    return text


Argument = Annotated[str, AfterValidator(check_argument)]
Command = Annotated[tuple[Argument, ...], BeforeValidator(reject_command_line)]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Rule(Group):
    """One action: when it happens, and the HTTP call or the command that it is."""

    when: Labels = Field(min_length=1, description="gestures, or camera_lost, camera_back, service_lost, service_back")
    url: Url | None = Field(default=None, description="URL to call", repr=False)
    method: Method = Field(default="POST", description="the call's method")
    headers: dict[HeaderText, HeaderText] = Field(default={}, description="the call's headers", repr=False)
    body: str = Field(default="", description="the call's body; empty: the event as JSON, but for GET", repr=False)
    command: Command = Field(default=(), description="program and arguments", repr=False)
    cooldown: float = Field(default=1.0, description="seconds until it can happen again", ge=0, le=86400)

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.url is not None) == bool(self.command):
            found = "both a url and a command" if self.command else "neither a url nor a command"
            raise ValueError(f"has {found}, expected one of them")
        if self.command and not self.command[0]:
            raise ValueError("has a command that names no program, expected its name first")
        return self


class Actions(Group):
    """What a gesture starts on this machine or another: HTTP calls and commands."""

    rules: Annotated[tuple[Rule, ...], BeforeValidator(parse_rules)] = Field(
        default=(), description='such as {when = "hello", url = "http://..."} or {when = "yes", command = ["program"]}'
    )
    timeout: Seconds = Field(default=5.0, description="seconds a call or a command; then it is ended")
    concurrent: int = Field(default=2, description="calls and commands at the same time", ge=1, le=16)
    queue: int = Field(default=8, description="actions that wait; beyond it the oldest is dropped", ge=1, le=1000)
