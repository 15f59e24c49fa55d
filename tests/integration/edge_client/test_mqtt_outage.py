"""Gestures over MQTT while the broker is away, or the way to it breaks: none is lost, none comes twice, in order."""

import json
import signal
import sys
from pathlib import Path

import pytest

from benchmarks.edge.broker_outage import DEVICE, create_event, measure_outage
from edge_client.events import broker as broker_module
from edge_client.events import mqtt
from edge_client.events.mqtt import MqttPublisher
from edge_client.settings import Mqtt
from testkit.edge.breaking_relay import breaking_relay
from testkit.edge.mosquitto import HOST, Listener, running_mosquitto
from testkit.waiting import wait_until


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(mqtt, "LONGEST_RETRY_S", 0.2)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "restarted in order"])
def test_while_the_broker_is_away_at_ten_gestures_a_second_none_is_lost_and_none_comes_twice(
    tmp_path: Path, how: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = f"persistence true\npersistence_location {tmp_path}/" if how == signal.SIGTERM else ""
    with running_mosquitto(tmp_path, f"allow_anonymous true\n{kept}") as broker:
        outage = measure_outage(broker, away_s=4.0, rate=10.0, how=how, settle=2.0)
    with capsys.disabled():
        sys.stdout.write(f"\nbroker away 4 s: {outage.describe()}; the queue holds {Mqtt().queue}\n")
    assert (outage.lost, outage.doubled) == ([], [])
    assert outage.heard == outage.published
    assert len(outage.published) > 40


def test_a_broker_that_hangs_until_the_client_gives_it_up_gets_each_event_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "KEEPALIVE_S", 1)
    monkeypatch.setattr(mqtt, "CONNECT_S", 0.5)
    with running_mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
        assert broker.process is not None
        settings = Mqtt(host=HOST, port=broker.port, topic=DEVICE, settle=0)
        with MqttPublisher(settings) as publisher:
            publisher.publish(create_event(1))
            wait_until(lambda: publisher.delivery.sent == 1)
            broker.process.send_signal(signal.SIGSTOP)
            try:
                for number in range(2, 12):
                    publisher.publish(create_event(number))
                wait_until(lambda: "no answer to the greeting" in publisher.trouble)
            finally:
                broker.process.send_signal(signal.SIGCONT)
            wait_until(lambda: publisher.delivery.sent == 11)
            assert publisher.trouble == ""
        wait_until(lambda: len(listener.payloads(f"{DEVICE}/gesture")) >= 11)
        heard = [json.loads(said)["sequence"] for said in listener.payloads(f"{DEVICE}/gesture")]
    assert heard == list(range(1, 12))


def test_a_connection_that_breaks_in_the_middle_of_anything_loses_nothing_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    with (
        running_mosquitto(tmp_path) as broker,
        Listener(broker.port) as listener,
        breaking_relay(broker.port) as (port, breaks),
    ):
        with MqttPublisher(Mqtt(host=HOST, port=port, topic=DEVICE, settle=0)) as publisher:
            for number in range(1, 41):
                publisher.publish(create_event(number))
            wait_until(lambda: publisher.delivery.sent == 40)
        wait_until(lambda: len(listener.payloads(f"{DEVICE}/gesture")) >= 40)
        heard = [json.loads(said)["sequence"] for said in listener.payloads(f"{DEVICE}/gesture")]
    assert heard == list(range(1, 41))
    assert len(breaks) > 5
