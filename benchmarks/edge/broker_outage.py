"""Gestures over MQTT through a time without the broker: how many are lost, and how many come twice.

    python -m benchmarks.edge.broker_outage [--away 60] [--rate 1] [--restart]

Starts a real mosquitto, publishes gestures as the client does, kills the broker (``--restart`` ends it in order, with
what it keeps on disk), starts it again, and prints what a listener heard that comes back half a second later.
"""

import argparse
import signal
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge_client.events.mqtt import MqttPublisher
from edge_client.settings import Mqtt
from edge_client.types import Event
from testkit.edge.mosquitto import HOST, Listener, Mosquitto, running_mosquitto
from testkit.processes import exit_on_sigterm
from testkit.waiting import wait_until

DEVICE: Final = "helen/door"
BESIDE_S: Final = 1.0  # before and after


@dataclass(frozen=True)
class BrokerOutage:
    """The numbers of the gestures that were published, and of those that were heard, each in order."""

    published: list[int]
    heard: list[int]

    @property
    def lost(self) -> list[int]:
        """The gestures that nobody heard."""
        return sorted(set(self.published) - set(self.heard))

    @property
    def doubled(self) -> list[int]:
        """The gestures that were heard more than once."""
        return [number for number, times in Counter(self.heard).items() if times > 1]

    def describe(self) -> str:
        """One line."""
        return f"{len(self.published)} gestures, {len(self.lost)} lost, {len(self.doubled)} doubled"


def measure_outage(
    broker: Mosquitto, away_s: float, rate: float, how: signal.Signals, settle: float = Mqtt().settle
) -> BrokerOutage:
    """Publish ``rate`` gestures a second before, while and after the broker is away for ``away_s``."""
    settings = Mqtt(host=HOST, port=broker.port, topic=DEVICE, settle=settle)
    topic, published = f"{DEVICE}/gesture", list[int]()
    ended = threading.Event()
    with Listener(broker.port, back_after_s=0.5) as listener, MqttPublisher(settings, lambda: ("hello",)) as publisher:

        def sign() -> None:
            while not ended.wait(1 / rate):
                published.append(len(published) + 1)
                publisher.publish(create_event(published[-1]))

        wait_until(lambda: listener.payloads(f"{DEVICE}/availability"))
        hands = threading.Thread(target=sign)
        hands.start()
        time.sleep(BESIDE_S)
        broker.kill(how)
        time.sleep(away_s)
        broker.start()
        time.sleep(BESIDE_S)
        ended.set()
        hands.join()
        deadline_s = time.monotonic() + settle + 15
        while publisher.delivery.sent < len(published) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        time.sleep(1.0)  # what would come twice comes now
        heard = [msgspec.json.decode(said, type=Event).sequence for said in listener.payloads(topic)]
    return BrokerOutage(published, heard)


def create_event(sequence: int) -> Event:
    """A gesture as the client publishes it."""
    return Event(
        gesture="hello",
        character="hello",
        key="hello",
        score=0.97,
        session_id="benchmark",
        sequence=sequence,
        latency_ms=40.0,
        timestamp=round(time.time(), 3),
        source="cloud",
        hand="right",
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--away", type=float, default=60.0, help="seconds without the broker (60)")
    parser.add_argument("--rate", type=float, default=1.0, help="gestures a second (1)")
    parser.add_argument("--restart", action="store_true", help="end it in order, with persistence, and start it again")
    options = parser.parse_args()
    exit_on_sigterm()
    how = signal.SIGTERM if options.restart else signal.SIGKILL
    with tempfile.TemporaryDirectory() as folder:
        kept = f"persistence true\npersistence_location {folder}/\n" if options.restart else ""
        with running_mosquitto(Path(folder), f"allow_anonymous true\n{kept}") as broker:
            outage = measure_outage(broker, options.away, options.rate, how)
    print(f"broker away {options.away:g} s: {outage.describe()}; the queue holds {Mqtt().queue}")


if __name__ == "__main__":
    main()
