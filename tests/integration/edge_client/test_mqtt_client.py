"""The whole client with a broker: made hands that the bundled model names, and what a home hears of them."""

import json
from pathlib import Path

from edge_client.app import play_demo
from edge_client.recognition.local_model import LocalModel
from edge_client.settings import Cloud, Device, Mqtt, Settings
from testkit.edge.mosquitto import HOST, Listener, running_mosquitto
from testkit.waiting import wait_until

MODELS = Path(__file__).parents[3] / "models" / "gesture"


def test_a_home_hears_each_gesture_of_the_client_once_and_knows_the_gestures_of_the_model(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
        settings = Settings(
            device=Device(model=str(MODELS)),
            cloud=Cloud(url="http://127.0.0.1:9"),
            mqtt=Mqtt(host=HOST, port=broker.port, topic="helen/door"),
        )
        pipeline = play_demo(settings, with_screen=False, rounds=1)
        assert pipeline.events > 0
        wait_until(lambda: len(listener.payloads("helen/door/gesture")) >= pipeline.events)
        wait_until(lambda: listener.newest("helen/door/availability") == b"offline")
        events = [json.loads(said) for said in listener.payloads("helen/door/gesture")]
        configs = [json.loads(heard.payload) for heard in listener.heard if "/device_automation/" in heard.topic]
    assert [event["sequence"] for event in events] == list(range(1, pipeline.events + 1))
    assert {event["source"] for event in events} == {"device"}
    assert {event["hand"] for event in events} <= {"left", "right", "both"}
    known = {config["payload"] for config in configs if config["type"] == "gesture"}
    assert known == set(LocalModel.open(MODELS).labels) - {"none"}
