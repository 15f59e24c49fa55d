"""The topics, and what Home Assistant is told: names that it takes, and no two alike."""

import json
import re

import pytest

from edge_client.events.home_assistant import Topics, describe_device, describe_event, slugify
from edge_client.events.status import StatusEvent
from tests.unit.edge_client.test_publisher import event


@pytest.mark.parametrize(("name", "slug"), [("hello", "hello"), ("thank-you", "thank-you"), ("A_1", "A_1")])
def test_a_name_of_letters_that_an_id_may_have_stays(name: str, slug: str) -> None:
    assert slugify(name) == slug


def test_other_names_get_an_id_that_no_other_name_has() -> None:
    names = ["sí", "s_", "sì", "a b", "a_b", "a/b", "手", "足", "+", "#", ""]
    slugs = [slugify(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]*", slug) for slug in slugs)


def test_every_part_of_the_device_has_a_topic_of_its_own_that_home_assistant_takes() -> None:
    messages = describe_device(Topics("helen/front door"), "homeassistant", ("hello", "sí", "a b", "a_b", "camera"))
    topics = [message.topic for message in messages]
    assert len(set(topics)) == len(topics) == 1 + 2 + 5 + 4
    pattern = r"homeassistant/(sensor|binary_sensor|device_automation)/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config"
    assert all(re.fullmatch(pattern, topic) for topic in topics)
    assert all(message.retain and message.qos == 1 for message in messages)
    assert {json.loads(message.payload)["device"]["identifiers"][0] for message in messages} == {
        Topics("helen/front door").node
    }
    ids = [content["unique_id"] for message in messages if "unique_id" in (content := json.loads(message.payload))]
    assert len(set(ids)) == len(ids) == 3


def test_an_event_is_sent_once_and_its_state_is_kept() -> None:
    once, state = describe_event(Topics("helen/door"), event())
    assert (once.topic, once.qos, once.retain) == ("helen/door/gesture", 2, False)
    assert (state.topic, state.qos, state.retain) == ("helen/door/last_gesture", 1, True)
    assert once.payload == state.payload
    lost = StatusEvent(event="service_lost", reason="refused", session_id="s", timestamp=1.5)
    once, state = describe_event(Topics("helen/door"), lost)
    assert json.loads(once.payload) == {
        "event": "service_lost",
        "reason": "refused",
        "session_id": "s",
        "timestamp": 1.5,
    }
    assert (state.topic, state.payload) == ("helen/door/service", b"OFF")
