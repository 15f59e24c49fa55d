"""The settings of MQTT and of actions: where they come from, what is refused in words, and what is never shown."""

from pathlib import Path
from typing import Any

import pytest

from edge_client.cli import build_parser, read_settings
from edge_client.settings import Mqtt, Settings, SettingsError, load_settings

RULES = """[actions]
rules = [
  {when = "hello", url = "http://192.168.1.40/rpc/Switch.Toggle?id=0", method = "GET"},
  {when = ["yes", "camera_lost"], command = ["xdotool", "key", "Right"], cooldown = 2},
]
"""


def load_text(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "edge.toml"
    file.write_text(text)
    return load_settings(file, environment=environment or {})


def test_without_settings_nothing_goes_anywhere() -> None:
    assert Settings().mqtt.host == ""
    assert Settings().actions.rules == ()


def test_broker_user_and_password_come_from_the_environment_too(tmp_path: Path) -> None:
    environment = {"HELEN_MQTT_HOST": "box", "HELEN_MQTT_USER": "helen", "HELEN_MQTT_PASSWORD": "p"}
    mqtt = load_text(tmp_path, "[mqtt]\nhost = 'other'\ntls = true\nport = 8883\n", environment).mqtt
    assert (mqtt.host, mqtt.port, mqtt.tls, mqtt.user, mqtt.password) == ("box", 8883, True, "helen", "p")


def test_two_machines_have_topics_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "door.lan")
    assert Mqtt().prefix == "helen/door"
    assert Mqtt(topic="home/bell").prefix == "home/bell"


def test_rules_are_read_from_a_file_and_from_a_flag(tmp_path: Path) -> None:
    first, second = load_text(tmp_path, RULES).actions.rules
    assert (first.when, first.method, first.command) == (("hello",), "GET", ())
    assert (second.when, second.command) == (("yes", "camera_lost"), ("xdotool", "key", "Right"))
    assert (first.cooldown, second.cooldown) == (1.0, 2.0)
    options = build_parser().parse_args(["run", "--actions-rules", '[{when = "no", url = "http://h/"}]'])
    assert read_settings(options).actions.rules[0].url == "http://h/"
    assert load_settings(flags={"mqtt.tls": "true"}, environment={}).mqtt.tls is True


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[mqtt]\nhost = 'mqtt://box'", "mqtt.host is 'mqtt://box', expected a name or an address alone"),
        ("[mqtt]\nhost = 'box:1883'", "mqtt.host is 'box:1883', expected a name or an address alone"),
        ("[mqtt]\nhost = 'u:p@box'", "mqtt.host has a user or a password, expected neither"),
        ("[mqtt]\nhost = 3", "mqtt.host: Input should be a valid string, found 3"),
        ("[mqtt]\nport = true", "mqtt.port: Input should be a number or a text, found true"),
        ("[mqtt]\nport = 70000", "mqtt.port: Input should be less than or equal to 65535, found 70000"),
        ("[mqtt]\ntls = 'perhaps'", "mqtt.tls: Input should be a valid boolean"),
        ("[mqtt]\ntopic = 'helen/#'", "mqtt.topic is 'helen/#', expected a topic such as helen/door"),
        ("[mqtt]\ntopic = '/helen'", "mqtt.topic is '/helen', expected a topic"),
        ("[mqtt]\ntopic = 'a\tb'", "mqtt.topic is 'a\\tb', expected a topic"),
        ("[mqtt]\ndiscovery = '+'", "mqtt.discovery is '+', expected a topic"),
        ("[mqtt]\npassword = 'p'", "mqtt has a password and no user, expected both"),
        ("[mqtt]\nca_file = 'a.pem'", "mqtt has a ca_file and tls = false, expected tls = true"),
        ("[mqtt]\nsettle = 21", "mqtt.settle: Input should be less than or equal to 20, found 21"),
        ("[actions]\nrules = 3", "actions.rules: Input should be a valid tuple, found 3"),
        ("[actions]\nrules = 'hello'", "actions.rules is no list in TOML, expected [{when"),
        ("[actions]\nrules = ['hello']", "actions.rules.0: Input should be a valid dictionary"),
        ("[actions]\nrules = [{}]", "actions.rules.0.when: Field required"),
        ("[actions]\nrules = [{when = 'a'}]", "actions.rules.0 has neither a url nor a command, expected one of them"),
        (
            "[actions]\nrules = [{when = '', command = ['a']}]",
            "actions.rules.0.when: Tuple should have at least 1 item",
        ),
        (
            "[actions]\nrules = [{when = 'a', url = 'http://h', command = ['a']}]",
            "actions.rules.0 has both a url and a command, expected one of them",
        ),
        (
            "[actions]\nrules = [{when = 'a', command = 'xdotool key Right'}]",
            "actions.rules.0.command is one text, expected a list of arguments",
        ),
        ("[actions]\nrules = [{when = 'a', command = ['']}]", "actions.rules.0 has a command that names no program"),
        (
            "[actions]\nrules = [{when = 'a', command = [1]}]",
            "actions.rules.0.command.0: Input should be a valid string",
        ),
        ('[actions]\nrules = [{when = "a", command = ["a\\u0000"]}]', "actions.rules.0.command.0 has a null character"),
        ("[actions]\nrules = [{when = 'a', url = 'mqtt://h'}]", "actions.rules.0.url is 'mqtt://h', expected one as"),
        ("[actions]\nrules = [{when = 'a', shell = 'ls'}]", "actions.rules.0.shell is unknown"),
        ("[actions]\nrules = [{when = 'a', command = ['a'], cooldown = -1}]", "actions.rules.0.cooldown: "),
        (
            '[actions]\nrules = [{when = "a", url = "http://h", headers = {A = "a\\nb"}}]',
            "actions.rules.0.headers.A has a letter that no header can carry",
        ),
        ("[actions]\nrules = [{when = 'a', url = 'http://h', method = 'FETCH'}]", "actions.rules.0.method: "),
        ("[actions]\nconcurrent = 0", "actions.concurrent: Input should be greater than or equal to 1, found 0"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_text(tmp_path, text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "[mqtt]\nuser = 'u'\npassword = 5551234",
        "[mqtt]\nhost = 'helen:5551234@box'",
        "[actions]\nrules = [{url = 'http://h/5551234'}]",
        "[actions]\nrules = '[{url = \"5551234\"'",
        "[actions]\nrules = [{when = 'a', url = ['5551234']}]",
        "[actions]\nrules = [{when = 'a', url = 'http://u:5551234@h/'}]",
        "[actions]\nrules = [{when = 'a', url = 'http://h', headers = ['5551234']}]",
        "[actions]\nrules = [{when = 'a', url = 'http://h', headers = {A = ['5551234']}}]",
        "[actions]\nrules = [{when = 'a', url = 'http://h', body = ['5551234']}]",
    ],
)
def test_a_secret_that_cannot_be_used_is_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_text(tmp_path, text)
    assert "5551234" not in str(refused.value)


def test_a_secret_that_can_be_used_is_not_shown_either(tmp_path: Path) -> None:
    rules = "[actions]\nrules = [{when = 'a', url = 'http://h/s-1', headers = {A = 's-2'}, body = 's-3'}]\n"
    settings: Any = load_text(tmp_path, rules + "[mqtt]\nuser = 'u'\npassword = 's-4'\n")
    assert settings.mqtt.password == "s-4"
    assert "s-" not in repr(settings)
    assert "s-" not in str(settings)
