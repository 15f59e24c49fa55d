"""A client of an MQTT broker as the settings say, and whether that broker can be used. ``mqtt.py`` sends events."""

import ssl
import time
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_client.events.home_assistant import Message, Topics
from edge_client.service.replies import quote_text
from edge_client.settings import Mqtt, SettingsError

# How long a thread sleeps in the socket, and so how late an event may leave.
POLL_S: Final = 0.02
CONNECT_S: Final = 5.0
KEEPALIVE_S: Final = 15


def create_client(settings: Mqtt, name: str, *, session_s: int = 0, will: Message | None = None) -> paho.Client:
    """A client of MQTT 5, to be connected by ``reconnect``; its first connection begins a new session.

    The broker keeps that session for ``session_s`` after a connection, and says ``will`` when the client dies.

    Raises:
        SettingsError: the authority's file holds no certificates.
    """
    client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect_timeout = CONNECT_S
    if settings.user:
        client.username_pw_set(settings.user, settings.password or None)
    if settings.tls:
        try:
            client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file or None))
        except OSError as error:  # ssl.SSLError too
            reason = error.strerror or str(error)
            raise SettingsError(
                f"mqtt.ca_file {settings.ca_file} can't be used: {reason}, expected a PEM file"
            ) from error
    if will is not None:
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_s
    client.connect_async(settings.host, settings.port, KEEPALIVE_S, properties=properties)
    return client


def try_broker(settings: Mqtt, timeout_s: float = CONNECT_S) -> str:
    """Greet the broker and leave again; why it can't be used, or nothing.

    Raises:
        SettingsError: as ``create_client``.
    """
    answers: list[ReasonCode] = []
    client = create_client(settings, f"{Topics(settings.prefix).node}_doctor")
    client.on_connect = lambda _client, _data, _flags, code, _properties: answers.append(code)
    deadline_s = time.monotonic() + timeout_s
    try:
        client.reconnect()
        while not answers and time.monotonic() < deadline_s:
            if client.loop(POLL_S) != MQTTErrorCode.MQTT_ERR_SUCCESS and not answers:
                return "it closes the connection: is it an MQTT broker, and does it want TLS?"
        client.disconnect()
    except (OSError, ValueError) as error:
        return describe_fault(error)
    if not answers:
        return f"no answer within {timeout_s:g} s"
    return f"it refuses: {answers[0]}" if answers[0].is_failure else ""


def describe_fault(error: Exception) -> str:
    """Why no connection came about, on one line."""
    text = quote_text(str(error)) or type(error).__name__
    unknown_authority = "self-signed certificate" in text or "unable to get local issuer" in text
    return f"{text}; name the authority's PEM file in mqtt.ca_file" if unknown_authority else text
