"""A real MQTT broker, mosquitto, that may be killed and started again, and a listener that hears what it says."""

import contextlib
import getpass
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from testkit.programs import require_program
from testkit.service import free_ports
from testkit.waiting import wait_until

HOST = "127.0.0.1"


@dataclass
class Mosquitto:
    """A broker on a port of its own, which it keeps; ``config`` is what stands in its file besides."""

    folder: Path
    config: str = "allow_anonymous true"
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        file = self.folder / "mosquitto.conf"
        # As root it would become a user that may not read the files of a test.
        user = f"user {getpass.getuser()}"
        file.write_text(f"{user}\nlistener {self.port} {HOST}\n{self.config}\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            command = [require_program("mosquitto"), "-v", "-c", str(file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        wait_until(self._listens)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it: at once, or in order with SIGTERM."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(10)
            self.process = None

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0


@contextlib.contextmanager
def running_mosquitto(folder: Path, config: str = "allow_anonymous true") -> Iterator[Mosquitto]:
    """A broker until the block ends; without mosquitto the calling test is skipped."""
    broker = Mosquitto(folder, config)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: bytes
    retained: bool


class Listener:
    """Subscribes to everything, as a new session each time, and comes back by itself after ``back_after_s``."""

    def __init__(self, port: int, back_after_s: float = 0.2) -> None:
        self.heard: list[Heard] = []
        self.subscribed = threading.Event()
        self._back_after_s = back_after_s
        self._ended = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self.client.on_connect = self._subscribe
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = lambda _client, _data, message: self.heard.append(
            Heard(message.topic, bytes(message.payload), message.retain)
        )
        self._port = port
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Listener":
        self._thread.start()
        assert self.subscribed.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def payloads(self, topic: str) -> list[bytes]:
        """What was said on a topic, in order."""
        return [heard.payload for heard in list(self.heard) if heard.topic == topic]

    def newest(self, topic: str) -> bytes | None:
        """What was said last on a topic."""
        said = self.payloads(topic)
        return said[-1] if said else None

    def _subscribe(self, client: paho.Client, _: object, __: paho.ConnectFlags, ___: ReasonCode, ____: object) -> None:
        client.subscribe("#", 2)

    def _run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                self.client.connect(HOST, self._port)
                while not self._ended.is_set() and not self.client.loop(0.02):
                    pass
            self._wait_for_broker()
            self._ended.wait(self._back_after_s)

    def _wait_for_broker(self) -> None:
        while not self._ended.is_set():
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self._port)) == 0:
                    return
            time.sleep(0.02)
