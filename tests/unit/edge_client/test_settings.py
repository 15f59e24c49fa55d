"""Settings: the contract's defaults, where a value comes from, and what is refused in words."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

import edge_client
from edge_client.cli import build_parser, read_settings
from edge_client.settings import Settings, SettingsError, Thresholds, load_settings
from edge_client.settings_file import setting_fields, settings_toml

PACKAGE = Path(edge_client.__file__).parent


def test_the_defaults_are_the_contracts() -> None:
    settings = load_settings(environment={})
    assert settings.cloud.url == "http://127.0.0.1:8000"
    assert (settings.cloud.timeout, settings.cloud.retries, settings.cloud.metadata_ttl) == (5.0, 2, 300)
    assert settings.publish.url == "http://127.0.0.1:5000/gestures/gesture-key"
    assert (settings.publish.timeout, settings.publish.queue) == (1.5, 4)
    assert (settings.tracking.smoothing, settings.tracking.lost_frames) == (0.35, 8)
    trigger = settings.trigger
    assert (trigger.presence_on, trigger.presence_off) == (0.85, 0.70)
    assert (trigger.probability_on, trigger.probability_off) == (0.95, 0.75)
    assert (trigger.margin_on, trigger.margin_off) == (0.40, 0.18)
    assert (trigger.entropy_on, trigger.entropy_off) == (1.70, 1.95)
    assert (trigger.motion_on, trigger.motion_off) == (0.015, 0.005)
    assert (trigger.area_off, trigger.area_on) == (0.025, 0.040)
    assert (trigger.mean_of, trigger.votes, trigger.early, trigger.cooldown) == (7, 4, 0.995, 1.0)


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("HELEN_CLOUD_API_URL", "http://pi:9", "cloud.url", "http://pi:9"),
        ("HELEN_CLOUD_TIMEOUT", "2.5", "cloud.timeout", 2.5),
        ("HELEN_CLOUD_RETRIES", "0", "cloud.retries", 0),
        ("HELEN_CLOUD_TRANSPORT", "stream", "cloud.transport", "stream"),
        ("HELEN_CLOUD_METADATA_TTL", "60", "cloud.metadata_ttl", 60.0),
        ("HELEN_API_KEY", "k", "cloud.api_key", "k"),
        ("HELEN_BACKEND_GESTURE_URL", "http://ui/x", "publish.url", "http://ui/x"),
    ],
)
def test_the_environment_sets(variable: str, text: str, path: str, value: Any) -> None:
    group, name = path.split(".")
    assert getattr(getattr(load_settings(environment={variable: text}), group), name) == value


def test_flags_come_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('[cloud]\nurl = "http://file"\ntimeout = 1.0\nretries = 5\n')
    settings = load_settings(
        file, {"cloud.url": "http://flag"}, {"HELEN_CLOUD_API_URL": "http://env", "HELEN_CLOUD_TIMEOUT": "3"}
    )
    assert (settings.cloud.url, settings.cloud.timeout, settings.cloud.retries) == ("http://flag", 3.0, 5)


def test_a_flag_replaces_the_whole_list_or_mapping_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('[publish]\nkeys = {hello = "Start", yes = "Stop"}\n[trigger]\nrest_labels = ["none", "idle"]\n')
    settings = load_settings(file, {"publish.keys": "hello=Go", "trigger.rest_labels": "rest"}, {})
    assert settings.publish.keys == {"hello": "Go"}
    assert settings.trigger.rest_labels == ("rest",)


def test_only_the_variables_that_are_named_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTURE", '{"source": "9"}')
    monkeypatch.setenv("cloud", '{"retries": 9}')
    monkeypatch.setenv("HELEN_CLOUD_RETRIES", "7")
    assert load_settings().capture.source == "0"
    assert load_settings().cloud.retries == 7
    assert Settings().cloud.retries == 2


def test_lists_and_mappings_are_flags_too() -> None:
    flags = {"trigger.rest_labels": "none, idle", "publish.keys": "hello=Start,yes=Stop"}
    settings = load_settings(flags=flags, environment={})
    assert settings.trigger.rest_labels == ("none", "idle")
    assert settings.publish.keys == {"hello": "Start", "yes": "Stop"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[cloud]\nretries = 11", r"cloud\.retries: .* less than or equal to 10, found 11$"),
        ('[cloud]\nurl = "ftp://x"', r"cloud.url"),
        ("[cloud]\nspeed = 1", r"cloud\.speed is unknown"),
        ("[clout]\nurl = 1", r"clout is unknown"),
        (
            "[trigger]\nmargin_on = 0.1",
            r"trigger has margin_off 0\.18 and margin_on 0\.1, expected margin_off at most margin_on",
        ),
        ("[trigger]\nentropy_on = 1.99", r"trigger has entropy_on 1\.99 and entropy_off 1\.95"),
        ("cloud = 3", r"cloud is not a table"),
        ("[cloud", r"is not TOML"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        load_settings(file, environment={})


@pytest.mark.parametrize(
    ("content", "path", "value"),
    [
        (b'\xef\xbb\xbf[capture]\nsource="1"\r\n', "capture.source", "1"),
        (b"[capture]\nsource = 0", "capture.source", "0"),
        (b"[capture]\nsource = 12", "capture.source", "12"),
        (b'[trigger]\nrest_labels = "none"', "trigger.rest_labels", ("none",)),
        (b'[trigger]\nrest_labels = "none, idle"', "trigger.rest_labels", ("none", "idle")),
        (b'[publish]\nkeys = "hello=Start"', "publish.keys", {"hello": "Start"}),
        (b'[cloud]\nurl = "HTTP://Box:8000"', "cloud.url", "http://Box:8000"),
        (b'[publish]\nurl = "HTTPS://box/x"', "publish.url", "https://box/x"),
        (b'[cloud]\nurl = " http://box"', "cloud.url", "http://box"),
        (b'[cloud]\nretries = "3"', "cloud.retries", 3),
        ("[capture]\n# cámara\nsource = 'vídeo.mp4'".encode(), "capture.source", "vídeo.mp4"),
    ],
)
def test_what_people_write_is_read(tmp_path: Path, content: bytes, path: str, value: Any) -> None:
    file = tmp_path / "edge.toml"
    file.write_bytes(content)
    group, name = path.split(".")
    assert getattr(getattr(load_settings(file, environment={}), group), name) == value


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "[capture]\n# cámara\n".encode("latin-1"),
            "edge.toml, line 2, byte 4 (0xe1) is not UTF-8: save the file as UTF-8",
        ),
        ("[capture]\n".encode("utf-16"), "edge.toml, line 1, byte 1 (0xff) is not UTF-8: save the file as UTF-8"),
        (b"[screen]\nport = " + b"9" * 5000, "edge.toml is not TOML"),
        (b"a = " + b"[" * 5000, "edge.toml is not TOML: it is nested too deeply"),
        (b"# " + b"x" * 2_000_000, "edge.toml has more than 1000000 bytes"),
        (b"[capture]\nsource = true", "capture.source: Input should be a number or a text, found true"),
        (b"[capture]\nsource = -1", "capture.source: Input should be a valid string, found -1"),
        (b"[capture]\nfps = nan", "capture.fps: Input should be a finite number, found nan"),
        (b"[cloud]\nmetadata_ttl = inf", "cloud.metadata_ttl: Input should be a finite number, found inf"),
        (b"[cloud]\nretries = true", "cloud.retries: Input should be a number or a text, found true"),
        (b"[cloud]\nretries = 11", "cloud.retries: Input should be less than or equal to 10, found 11"),
        (b'[publish]\nkeys = "hello"', "publish.keys has 'hello', expected label=key"),
        (b"[trigger]\nrest_labels = [1]", "trigger.rest_labels.0: Input should be a valid string, found 1"),
        (
            b'[cloud]\n"a\\nb" = 1',
            r"cloud.a\nb is unknown, expected a name that `python -m edge_client settings` prints",
        ),
        (b"[Cloud]\nretries = 1", "Cloud is unknown"),
        (b"[publish]\nkeys = {hello = 1}", "publish.keys.hello: Input should be a valid string, found 1"),
        (b'[capture]\nsource = ""', "capture.source: String should have at least 1 character, found ''"),
        (b"[publish]\nkeys = [1]", "publish.keys: Input should be a valid dictionary, found [1]"),
    ],
)
def test_a_file_of_any_bytes_is_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "edge.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        load_settings(file, environment={})
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"capture.stall": "nan"}, "capture.stall: Input should be a finite number, found 'nan'"),
        ({"cloud.metadata_ttl": "inf"}, "cloud.metadata_ttl: Input should be a finite number, found 'inf'"),
        ({"publish.keys": "hello"}, "publish.keys has 'hello', expected label=key"),
        ({"publish.url": "http://[::1"}, "publish.url is no URL that can be asked (Invalid IPv6 URL)"),
        ({"publish.url": "http://host:99999/x"}, "publish.url is no URL that can be asked (Port out of range 0-65535)"),
        ({"cloud.url": "http://"}, "cloud.url is no URL that can be asked (it names no host)"),
        ({"cloud.url": "http://host:0"}, "cloud.url is no URL that can be asked (port 0)"),
        ({"tracking.stride": "0"}, "tracking.stride: Input should be greater than or equal to 1, found '0'"),
    ],
)
def test_a_flag_that_cannot_be_used_is_named(flags: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(flags=flags, environment={})
    assert sentence in str(refused.value)


def test_an_api_key_that_cannot_be_used_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text("[cloud]\napi_key = 12345678")
    with pytest.raises(SettingsError) as refused:
        load_settings(file, environment={})
    assert "cloud.api_key" in str(refused.value)
    assert "12345678" not in str(refused.value)


def test_a_folder_as_settings_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read: Is a directory"):
        load_settings(tmp_path, environment={})


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere.toml can't be read"):
        load_settings(tmp_path / "nowhere.toml", environment={})


def test_the_shipped_file_says_what_the_defaults_say() -> None:
    text = (PACKAGE / "edge.toml").read_text(encoding="utf-8")
    assert text == settings_toml(), "make it anew: python -m edge_client settings > edge_client/edge.toml"
    assert Settings.model_validate(tomllib.loads(text)) == Settings()
    assert load_settings(PACKAGE / "edge.toml", environment={}).model_dump() == Settings().model_dump()


def test_every_setting_says_what_it_does() -> None:
    assert [path for path, field in setting_fields() if not field.description] == []


def test_all_thresholds_are_in_one_place() -> None:
    assert set(Thresholds.model_fields) >= {"presence_on", "votes", "early", "cooldown", "mean_of", "area_off"}


def test_the_temperature_is_also_known_by_its_reciprocal(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text("[trigger]\nsharpness = 2\n")
    assert load_settings(file, environment={}).trigger.temperature == pytest.approx(0.5)
    assert load_settings(file, {"trigger.temperature": "0.8"}, {}).trigger.temperature == pytest.approx(0.8)
    assert load_settings(None, {"trigger.sharpness": "1.25"}, {}).trigger.temperature == pytest.approx(0.8)
    file.write_text("[trigger]\nsharpness = 2\ntemperature = 0.9\n")
    assert load_settings(file, environment={}).trigger.temperature == pytest.approx(0.9)
    options = build_parser().parse_args(["run", "--trigger-sharpness", "4"])
    assert read_settings(options).trigger.temperature == pytest.approx(0.25)


@pytest.mark.parametrize("text", ["0", "-1", "much", "nan", "inf", ""])
def test_a_sharpness_that_is_none_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"trigger.sharpness is '.*', expected a number above 0"):
        load_settings(None, {"trigger.sharpness": text}, {})
