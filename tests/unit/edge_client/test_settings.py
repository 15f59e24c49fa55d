"""Settings: the contract's defaults, where a value comes from, and what is refused in words."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
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


def test_lists_and_mappings_are_flags_too() -> None:
    flags = {"trigger.rest_labels": "none, idle", "publish.keys": "hello=Start,yes=Stop"}
    settings = load_settings(flags=flags, environment={})
    assert settings.trigger.rest_labels == ("none", "idle")
    assert settings.publish.keys == {"hello": "Start", "yes": "Stop"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[cloud]\nretries = 11", r"<= 10 - at `\$.cloud.retries`"),
        ('[cloud]\nurl = "ftp://x"', r"cloud.url"),
        ("[cloud]\nspeed = 1", r"unknown field `speed`"),
        ("[clout]\nurl = 1", r"unknown field `clout`"),
        ("[trigger]\nmargin_on = 0.1", r"margin has its thresholds crossed: found 0.18 and 0.1"),
        ("[trigger]\nentropy_on = 1.99", r"entropy has its thresholds crossed"),
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
        (b"[capture]\nsource = true", "at `$.capture.source`, found true"),
        (b"[capture]\nsource = -1", "at `$.capture.source`, found -1"),
        (b"[capture]\nfps = nan", "at `$.capture.fps`, found nan"),
        (b"[cloud]\nmetadata_ttl = inf", "at `$.cloud.metadata_ttl`, found inf"),
        (b"[cloud]\nretries = 11", "at `$.cloud.retries`, found 11"),
        (b'[publish]\nkeys = "hello"', "publish.keys has 'hello', expected label=key"),
        (b"[trigger]\nrest_labels = [1]", "at `$.trigger.rest_labels[0]`"),
        (b'[capture]\nsource = ""', "at `$.capture.source`, found ''"),
        (b"[publish]\nkeys = [1]", "at `$.publish.keys`"),
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
        ({"capture.stall": "nan"}, "at `$.capture.stall`, found 'nan'"),
        ({"cloud.metadata_ttl": "inf"}, "at `$.cloud.metadata_ttl`"),
        ({"publish.keys": "hello"}, "publish.keys has 'hello', expected label=key"),
        ({"publish.url": "http://[::1"}, "publish.url is no URL that can be asked (Invalid IPv6 URL)"),
        ({"publish.url": "http://host:99999/x"}, "publish.url is no URL that can be asked (Port out of range 0-65535)"),
        ({"cloud.url": "http://"}, "cloud.url is no URL that can be asked (it names no host)"),
        ({"cloud.url": "http://host:0"}, "cloud.url is no URL that can be asked (port 0)"),
        ({"tracking.stride": "0"}, "at `$.tracking.stride`, found '0'"),
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
    assert msgspec.convert(tomllib.loads(text), Settings) == Settings()


def test_every_setting_says_what_it_does() -> None:
    assert [field.path for field in setting_fields() if not field.description] == []


def test_all_thresholds_are_in_one_place() -> None:
    assert set(Thresholds.__struct_fields__) >= {"presence_on", "votes", "early", "cooldown", "mean_of", "area_off"}


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
