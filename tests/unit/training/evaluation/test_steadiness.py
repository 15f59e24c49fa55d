"""Disturbances leave a shot as it is, and the answer stays within bounds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landmarks.models.session import ModelSession
from landmarks.shots.kinematics import compute_image_motion
from landmarks.shots.rules import judge_shot
from testkit.shots import made_motion
from training.evaluate_shots import format_steadiness, make_tracks
from training.evaluation.steadiness import (
    add_bars,
    add_noise,
    assess_track,
    change_rate,
    crop,
    drop_frames,
    hold_follow_through,
    is_steady,
    list_disturbances,
    lose_person,
    measure_steadiness,
    mirror,
)

TRACK = make_tracks(1)[0]
MODEL = Path(__file__).parents[4] / "models" / "shot" / "1"


def test_bars_and_a_crop_keep_the_persons_shape() -> None:
    base = compute_image_motion(TRACK)
    for made in (add_bars(TRACK, 2.16, upright=True), add_bars(TRACK, 2.16, upright=False), crop(TRACK)):
        motion = compute_image_motion(made)
        lengths = [
            np.linalg.norm(each.at("left_wrist") - each.at("right_hip"), axis=1) / each.trunk for each in (base, motion)
        ]
        np.testing.assert_allclose(lengths[1], lengths[0], rtol=0.02)


def test_a_track_mirrored_twice_is_itself() -> None:
    np.testing.assert_allclose(mirror(mirror(TRACK)).points, TRACK.points, atol=1e-6)


def test_frames_are_lost_or_dropped() -> None:
    assert (lose_person(TRACK, slice(3, 5)).points[3:5] == 0).all()
    assert len(drop_frames(TRACK, slice(3, 5)).times) == len(TRACK.times) - 2


def test_the_rate_changes_and_the_clip_goes_on() -> None:
    assert np.diff(change_rate(TRACK, 120).times) == pytest.approx(1 / 120)
    held = hold_follow_through(TRACK)
    assert held.times[-1] - TRACK.times[-1] == pytest.approx(2, abs=0.1)
    assert np.abs(add_noise(TRACK, 0).points - TRACK.points).max() < 0.01


def test_bounds_are_five_points_fifteen_milliseconds_and_no_label_across_a_half() -> None:
    base = replace(judge_shot(made_motion()), ite=80.0, delay_ms=90.0, probabilities={"a": 0.2, "b": 0.45, "c": None})
    assert is_steady(base, replace(base, ite=84.9, delay_ms=76.0, probabilities={"a": 0.4, "b": 0.9, "c": 0.9}))
    assert is_steady(base, replace(base, probabilities={"a": None, "b": None, "c": None}))
    assert not is_steady(base, replace(base, ite=85.1))
    assert not is_steady(base, replace(base, delay_ms=106.0))
    assert not is_steady(base, replace(base, probabilities={"a": 0.51, "b": 0.45, "c": None}))
    assert not is_steady(base, None)
    assert not is_steady(base, replace(base, hand="left"))
    assert is_steady(base, replace(base, hand="left"), mirrored=True)


@pytest.mark.parametrize("judge", ["rules", "model"])
def test_answers_are_steady(judge: str) -> None:
    model = ModelSession.open(MODEL) if judge == "model" else None
    found = measure_steadiness(make_tracks(4), model)
    assert set(found) == {*list_disturbances(), "all"}
    for kind in ("black bars", "crop", "mirror"):
        assert found[kind].share == 1, kind
    assert found["all"].share >= 0.9


def test_a_clip_without_a_shot_has_no_answer_and_does_not_count() -> None:
    still = replace(TRACK, points=np.repeat(TRACK.points[:1], len(TRACK.times), axis=0))
    assert assess_track(still) is None
    assert measure_steadiness([still])["all"].pairs == 0


def test_the_table_has_a_row_for_each_kind() -> None:
    lines = format_steadiness(make_tracks(1), ModelSession.open(MODEL))
    assert [line.split("|")[1].strip() for line in lines[2:]] == [*list_disturbances(), "all"]
