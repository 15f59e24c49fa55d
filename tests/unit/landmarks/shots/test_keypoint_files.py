"""Files as the source system writes them, read, refused and written."""

import json
from pathlib import Path
from typing import Any

import pytest

from landmarks.shots.keypoint_files import LabelledWindow, read_labelled, read_track, write_labelled, write_track
from landmarks.shots.keypoints import SHOT_LABELS, KeypointsError, ShotWindow, build_track
from tests.unit.landmarks.shots.test_keypoints import made_frames


def content(**fields: Any) -> dict[str, Any]:
    frames = [
        {
            "index": frame.index,
            "time_sec": frame.time_sec,
            "keypoints": [{"name": point.name, "x": point.x, "y": point.y, "v": point.v} for point in frame.keypoints],
        }
        for frame in made_frames()
    ]
    header = {"version": 1, "source_video": "a.mp4", "width": 640, "height": 480, "fps": 10.0}
    return {**header, "frames": frames, **fields}


def written(folder: Path, fields: dict[str, Any]) -> Path:
    path = folder / "shot.json"
    path.write_text(json.dumps(fields))
    return path


def test_a_written_file_has_the_fields_of_the_contract_in_their_order(tmp_path: Path) -> None:
    track = build_track(made_frames(), width=640, height=480, fps=10.0, source_video="a.mp4")
    write_track(track, tmp_path / "new" / "a.json")
    fields = json.loads((tmp_path / "new" / "a.json").read_text())
    assert list(fields) == ["version", "source_video", "width", "height", "fps", "frames"]
    assert list(fields["frames"][0]) == ["index", "time_sec", "keypoints"]
    assert fields["frames"][0]["keypoints"][0] == {"name": "nose", "x": 0.0, "y": 0.5, "v": 0.9}
    assert len(fields["frames"][0]["keypoints"]) == 33
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.json"]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    track = build_track(made_frames(), width=640, height=480, fps=10.0, source_video="a.mp4")
    labels = dict.fromkeys(SHOT_LABELS, False) | {"muneca_adelantada": True}
    before = LabelledWindow(track, ShotWindow(0.1, 400, 100), labels, {"ite": 70.0, "delay_ms": 95.0})
    write_labelled(before, tmp_path / "a.labeled.json")
    after = read_labelled(tmp_path / "a.labeled.json")
    assert (after.window, after.labels, after.targets) == (before.window, before.labels, before.targets)
    assert after.track.points == pytest.approx(track.points, abs=1e-6)
    assert json.loads((tmp_path / "a.labeled.json").read_text())["labels"] == ["muneca_adelantada"]


@pytest.mark.parametrize(
    "said",
    [
        ["baja_transferencia"],
        dict.fromkeys(SHOT_LABELS, False) | {"baja_transferencia": True},
        dict.fromkeys(SHOT_LABELS, 0) | {"baja_transferencia": 1},
        dict.fromkeys(SHOT_LABELS, 0.0) | {"baja_transferencia": 1.0},
    ],
)
def test_labels_may_be_names_or_truth_values(tmp_path: Path, said: object) -> None:
    labels = read_labelled(written(tmp_path, content(labels=said))).labels
    assert labels == dict.fromkeys(SHOT_LABELS, False) | {"baja_transferencia": True}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"baja_transferencia": 1}, {"baja_transferencia": True}),
        (
            {"brazo_no_alineado": False, "baja_transferencia": True},
            {"baja_transferencia": True, "brazo_no_alineado": False},
        ),
        ({}, None),
    ],
)
def test_a_label_that_a_mapping_leaves_out_is_unknown(tmp_path: Path, said: object, meant: object) -> None:
    read = read_labelled(written(tmp_path, content(labels=said)))
    assert read.labels == meant
    write_labelled(read, tmp_path / "again.json")
    assert read_labelled(tmp_path / "again.json").labels == meant


def test_unlabelled_is_not_the_same_as_no_label_holds(tmp_path: Path) -> None:
    assert read_labelled(written(tmp_path, content())).labels is None
    assert read_labelled(written(tmp_path, content(labels=[]))).labels == dict.fromkeys(SHOT_LABELS, False)


def test_a_target_that_is_null_was_not_said(tmp_path: Path) -> None:
    assert read_labelled(written(tmp_path, content(targets={"ite": None, "delay_ms": 90}))).targets == {"delay_ms": 90}


def test_the_source_systems_name_of_the_delay_is_read(tmp_path: Path) -> None:
    assert read_labelled(written(tmp_path, content(targets={"delays_ms": 80}))).targets == {"delay_ms": 80.0}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"version": 2}, "is not a keypoints file: Invalid enum value 2"),
        ({"frames": []}, "shot.json: frames is empty"),
        ({"frames": 7}, "is not a keypoints file: Expected `array`"),
        ({"width": 0}, "is not a keypoints file: Expected `int` >= 1"),
        ({"labels": ["codo"]}, "labels has 'codo', expected only baja_transferencia"),
        ({"targets": {"speed": 1}}, "targets has 'speed', expected only ite, delay_ms"),
        ({"labels": {"codo": 1}}, "labels has 'codo', expected only baja_transferencia"),
        ({"labels": {"muneca_adelantada": 2}}, "labels.muneca_adelantada is 2, expected true or false"),
        ({"labels": {"muneca_adelantada": None}}, "labels.muneca_adelantada is null, expected true or false"),
        ({"labels": {"muneca_adelantada": "yes"}}, 'labels.muneca_adelantada is "yes", expected true or false'),
        ({"labels": {"muneca_adelantada": [1]}}, r"labels.muneca_adelantada is \[1\], expected true or false"),
        ({"targets": {"ite": 120}}, "targets.ite is 120, expected a number from 0 to 100"),
        ({"targets": {"ite": "80"}}, 'targets.ite is "80", expected a number from 0 to 100'),
        ({"targets": {"ite": True}}, "targets.ite is true, expected a number from 0 to 100"),
        ({"targets": {"delay_ms": 1e9}}, r"targets.delay_ms is 1000000000.0, expected a number from -5000 to 5000"),
        ({"targets": {"delays_ms": 10**400}}, "targets.delays_ms is 1000"),
        ({"targets": {"delay_ms": 90, "delays_ms": 80}}, "delay_ms and delays_ms, 90 and 80: expected one of them"),
        ({"window": {"release_time_sec": 1, "pre_ms": -5}}, "is not a keypoints file: Expected `float` >= 0"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_name_and_the_field(
    tmp_path: Path, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(KeypointsError, match=sentence) as refused:
        read_labelled(written(tmp_path, content(**fields)))
    assert "shot.json" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "sentence"), [("missing.json", "can't be read: No such file"), (".", "can't be read: Is a directory")]
)
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(KeypointsError, match=sentence):
        read_track(tmp_path / name)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "shot.json").write_bytes(data)
    with pytest.raises(KeypointsError, match="is not a keypoints file"):
        read_track(tmp_path / "shot.json")
