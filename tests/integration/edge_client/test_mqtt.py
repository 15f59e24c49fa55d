"""Events over MQTT against a real mosquitto: each arrives once, whatever the broker does in the meantime."""

import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_client.doctor import check_broker
from edge_client.events import mqtt
from edge_client.events.mqtt import MqttPublisher
from edge_client.events.status import StatusEvent, StatusName
from edge_client.settings import Mqtt, Settings, SettingsError
from testkit.edge.certificates import create_authority
from testkit.edge.mosquitto import HOST, Listener, Mosquitto, running_mosquitto
from testkit.programs import require_program
from testkit.waiting import wait_until
from tests.unit.edge_client.test_publisher import event

DEVICE = "helen/door"
TRIGGERS = "homeassistant/device_automation/helen_door"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running_mosquitto(tmp_path) as running:
        yield running


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(mqtt, "LONGEST_RETRY_S", 0.2)


def settings_for(broker: Mosquitto, **changes: object) -> Mqtt:
    return Mqtt.model_validate({"host": HOST, "port": broker.port, "topic": DEVICE, "settle": 0.0} | changes)


def labels() -> tuple[str, ...]:
    return ("hello", "thank-you", "sí")


def status(name: StatusName) -> StatusEvent:
    return StatusEvent(event=name, reason="", session_id="s", timestamp=1.0)


def test_an_event_arrives_once_as_it_is_published_and_is_the_last_gesture_for_who_comes_later(
    broker: Mosquitto,
) -> None:
    with Listener(broker.port) as listener, MqttPublisher(settings_for(broker)) as publisher:
        publisher.publish(event(1))
        wait_until(lambda: publisher.delivery.sent == 1)
        wait_until(lambda: listener.payloads(f"{DEVICE}/gesture"))
        assert [json.loads(said) for said in listener.payloads(f"{DEVICE}/gesture")] == [
            {
                "gesture": "hello",
                "character": "hello",
                "key": "Start",
                "score": 0.97,
                "session_id": "s",
                "sequence": 1,
                "latency_ms": 12.5,
                "timestamp": 1_790_000_000.0,
                "source": "cloud",
                "hand": "right",
            }
        ]
        with Listener(broker.port) as later:
            wait_until(lambda: later.payloads(f"{DEVICE}/last_gesture"))
            assert later.payloads(f"{DEVICE}/gesture") == []


def test_home_assistant_is_told_of_one_device_with_a_trigger_for_each_gesture(broker: Mosquitto) -> None:
    with Listener(broker.port) as listener, MqttPublisher(settings_for(broker), labels):
        wait_until(lambda: listener.payloads(f"{TRIGGERS}/back_service/config"))
        configs = {
            heard.topic: json.loads(heard.payload)
            for heard in listener.heard
            if heard.topic.startswith("homeassistant/") and heard.payload
        }
    assert {config["device"]["identifiers"][0] for config in configs.values()} == {"helen_door"}
    trigger = configs[f"{TRIGGERS}/gesture_hello/config"]
    assert (trigger["automation_type"], trigger["type"], trigger["subtype"]) == ("trigger", "gesture", "hello")
    assert (trigger["topic"], trigger["payload"]) == (f"{DEVICE}/gesture", "hello")
    assert trigger["value_template"] == "{{ value_json.gesture }}"
    assert {config["subtype"] for config in configs.values() if config.get("type") == "gesture"} == set(labels())
    assert {config["payload"] for config in configs.values() if config.get("type") in ("lost", "back")} == {
        "camera_lost",
        "camera_back",
        "service_lost",
        "service_back",
    }
    sensor = configs["homeassistant/sensor/helen_door/last_gesture/config"]
    assert (sensor["state_topic"], sensor["availability_topic"]) == (f"{DEVICE}/last_gesture", f"{DEVICE}/availability")


def test_a_trigger_of_a_gesture_that_is_gone_is_taken_back_in_this_run_and_after_another(broker: Mosquitto) -> None:
    known = ["hello", "wave"]
    hello, wave, grab = (f"{TRIGGERS}/gesture_{name}/config" for name in ("hello", "wave", "grab"))
    with Listener(broker.port) as listener:
        with MqttPublisher(settings_for(broker), lambda: tuple(known)):
            wait_until(lambda: listener.newest(wave))
            known[1] = "grab"
            wait_until(lambda: listener.newest(grab))
            wait_until(lambda: listener.newest(wave) == b"")
        with MqttPublisher(settings_for(broker), lambda: ("hello",)):
            wait_until(lambda: listener.newest(grab) == b"")
        assert listener.newest(hello)


def test_it_is_available_until_it_ends_or_dies(broker: Mosquitto) -> None:
    topic = f"{DEVICE}/availability"
    with Listener(broker.port) as listener:
        with MqttPublisher(settings_for(broker)):
            wait_until(lambda: listener.newest(topic) == b"online")
        wait_until(lambda: listener.newest(topic) == b"offline")
        program = (
            "import time\nfrom edge_client.events.mqtt import MqttPublisher\nfrom edge_client.settings import Mqtt\n"
            f"MqttPublisher(Mqtt(host={HOST!r}, port={broker.port}, topic={DEVICE!r}))\ntime.sleep(60)\n"
        )
        child = subprocess.Popen([sys.executable, "-c", program])
        try:
            wait_until(lambda: listener.newest(topic) == b"online")
        finally:
            child.kill()
            child.wait()
        wait_until(lambda: listener.newest(topic) == b"offline")


def test_a_lost_camera_is_an_event_and_a_state(broker: Mosquitto) -> None:
    with Listener(broker.port) as listener, MqttPublisher(settings_for(broker)) as publisher:
        wait_until(lambda: listener.newest(f"{DEVICE}/camera") == b"ON")
        publisher.publish(status("camera_lost"))
        wait_until(lambda: listener.newest(f"{DEVICE}/camera") == b"OFF")
        publisher.publish(status("camera_back"))
        wait_until(lambda: listener.newest(f"{DEVICE}/camera") == b"ON")
        wait_until(lambda: len(listener.payloads(f"{DEVICE}/status")) == 2)
        said = [json.loads(payload)["event"] for payload in listener.payloads(f"{DEVICE}/status")]
        assert said == ["camera_lost", "camera_back"]
        assert listener.newest(f"{DEVICE}/service") == b"ON"


def test_a_full_queue_drops_the_oldest(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    with Listener(broker.port) as listener, MqttPublisher(settings_for(broker, queue=3)) as publisher:
        wait_until(lambda: listener.payloads(f"{DEVICE}/availability"))
        broker.kill()
        wait_until(lambda: publisher.trouble)
        listener.subscribed.clear()
        for number in range(1, 6):
            publisher.publish(event(number))
        assert publisher.delivery.dropped == 2
        broker.start()
        wait_until(lambda: publisher.delivery.sent == 3)
    assert "event hello is not sent over MQTT: 3 wait for the broker" in caplog.text


def test_an_event_that_is_too_old_is_dropped(broker: Mosquitto) -> None:
    broker.kill()
    with MqttPublisher(settings_for(broker, max_age=0.5)) as publisher:
        publisher.publish(event(1))
        time.sleep(0.6)
        publisher.publish(event(2))
        broker.start()
        wait_until(lambda: publisher.delivery.sent == 1)
        assert publisher.delivery.dropped == 1


def test_a_peer_that_is_no_broker_is_survived(tmp_path: Path) -> None:
    require_program("mosquitto")
    broker = Mosquitto(tmp_path)
    with socket.create_server((HOST, broker.port)) as peer:

        def answer() -> None:
            for _ in range(4):
                connection, _address = peer.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(range(256)))
            peer.close()

        threading.Thread(target=answer, daemon=True).start()
        with MqttPublisher(settings_for(broker)) as publisher:
            publisher.publish(event(1))
            wait_until(lambda: publisher.trouble)
            wait_until(lambda: peer.fileno() == -1)
            broker.start()
            try:
                wait_until(lambda: publisher.delivery.sent == 1)
                assert publisher.alive
                wait_until(lambda: not publisher._fault)
            finally:
                broker.kill()


def test_without_a_broker_closing_takes_no_time_and_says_what_was_not_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with MqttPublisher(settings_for(Mosquitto(tmp_path))) as publisher:
        publisher.publish(event(1))
        wait_until(lambda: publisher.trouble)
        started = time.monotonic()
    assert time.monotonic() - started < 1.0
    assert "event hello is not sent over MQTT: Helen ends" in caplog.text


def test_a_password_that_is_refused_is_said_by_client_and_doctor_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    passwords = tmp_path / "passwords"
    passwords.write_text("helen:open-sesame\n")
    subprocess.run([require_program("mosquitto_passwd"), "-U", str(passwords)], check=True)
    config = f"allow_anonymous false\npassword_file {passwords}"
    with running_mosquitto(tmp_path, config) as broker:
        wrong = settings_for(broker, user="helen", password="not-this-one")
        with MqttPublisher(wrong) as publisher:
            wait_until(lambda: "it refuses: Not authorized" in publisher.trouble)
        finding = check_broker(Settings(mqtt=wrong))
        right = settings_for(broker, user="helen", password="open-sesame")
        with MqttPublisher(right) as publisher:
            publisher.publish(event(1))
            wait_until(lambda: publisher.delivery.sent == 1)
        assert check_broker(Settings(mqtt=right)).state == "ok"
    assert finding.state == "fail"
    assert "Not authorized" in finding.found
    shown = caplog.text + finding.line() + repr(wrong) + repr(Settings(mqtt=right))
    assert "not-this-one" not in shown
    assert "open-sesame" not in shown


@pytest.mark.filterwarnings("ignore:unclosed.*ssl:ResourceWarning")  # paho leaves a failed handshake's to Python
def test_a_broker_with_tls_is_believed_by_its_authority_alone(tmp_path: Path) -> None:
    ca_file, _ = create_authority(tmp_path)
    chain = tmp_path / "server.pem"
    config = f"allow_anonymous true\ncertfile {chain}\nkeyfile {chain}"
    with running_mosquitto(tmp_path, config) as broker:
        with MqttPublisher(settings_for(broker, tls=True, ca_file=str(ca_file))) as publisher:
            for number in (1, 2, 3):
                publisher.publish(event(number))
            wait_until(lambda: publisher.delivery.sent == 3)
        stranger = check_broker(Settings(mqtt=settings_for(broker, tls=True)))
        plain = check_broker(Settings(mqtt=settings_for(broker)))
        assert check_broker(Settings(mqtt=settings_for(broker, tls=True, ca_file=str(ca_file)))).state == "ok"
    assert stranger.state == plain.state == "fail"
    assert "mqtt.ca_file" in stranger.found
    assert plain.hint


def test_an_authority_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    settings = Mqtt(host=HOST, tls=True, ca_file=str(tmp_path / "nowhere.pem"))
    with pytest.raises(SettingsError, match=r"mqtt\.ca_file .*nowhere\.pem can't be used: No such file"):
        MqttPublisher(settings)
    assert check_broker(Settings(mqtt=settings)).state == "fail"
