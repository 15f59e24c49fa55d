"""systemd's watchdog: ready once, alive while the client's loop goes on and every part lives, and what is wrong.

Silent where systemd didn't start the client. The protocol is sd_notify(3): a datagram to the socket that
``NOTIFY_SOCKET`` names.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

from edge_client.runtime.worker import Health

log = logging.getLogger(__name__)

LONGEST_STATUS: Final = 500


class Watchdog:
    """Tells systemd that the loop goes on, at most four times a watchdog period. Use it as a context manager.

    While a part of ``health`` is dead systemd hears nothing but its status, and starts the client anew.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, health: Health | None = None) -> None:
        environment = os.environ if environment is None else environment
        period_us = environment.get("WATCHDOG_USEC", "")
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._period_s = int(period_us) / 4e6 if period_us.isascii() and period_us.isdigit() else 0.0
        self._health = health or Health()
        self._status = ""
        self._socket: socket.socket | None = None
        self._next_s = 0.0
        self._ready = False

    def __enter__(self) -> "Watchdog":
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket:
            self._send(b"STOPPING=1")
            self._socket.close()

    def alive(self) -> None:
        """The loop goes on: a frame went through, or none has come for a while."""
        if self._socket is None:
            return
        if not self._ready:
            self._ready = True
            self._send(b"READY=1")
        status = "; ".join(self._health.troubles)[:LONGEST_STATUS]
        if status != self._status:
            self._status = status
            self._send(b"STATUS=" + status.replace("\n", " ").encode())
        now = time.monotonic()
        if self._period_s and now >= self._next_s and self._health.alive:
            self._next_s = now + self._period_s
            self._send(b"WATCHDOG=1")

    def _send(self, message: bytes) -> None:
        assert self._socket is not None  # noqa: S101 - its callers checked
        # An address that begins with @ is in Linux's abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            self._socket.sendto(message, address)
        except OSError as error:
            log.debug("systemd doesn't hear: %s", error)
