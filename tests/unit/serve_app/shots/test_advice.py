"""Advice for every label in every language."""

import re

import numpy as np
import pytest

from landmarks.shots.keypoints import SHOT_LABELS
from landmarks.shots.kinematics import Motion
from landmarks.shots.release import Lift
from landmarks.shots.rules import find_doubts, find_slow_motion, find_unknown
from landmarks.shots.shooting_hand import ShootingHand
from serve_app.shots.advice import ADVICE, LANGUAGES, recommend, translate


def test_every_label_has_advice_in_every_language() -> None:
    assert set(ADVICE) == set(SHOT_LABELS)
    assert all(set(texts) == set(LANGUAGES) and all(all(pair) for pair in texts.values()) for texts in ADVICE.values())


def test_advice_keeps_the_labels_order() -> None:
    rows = recommend(("brazo_no_alineado", "baja_transferencia"), "en")
    assert [row["id"] for row in rows] == ["brazo_no_alineado", "baja_transferencia"]
    assert rows[0]["title"] == "Line up the forearm"


def move(seen: float) -> Motion:
    """A body in an image that stands still and whose points are all seen in that share of the frames."""
    points = np.cumsum(np.ones((10, 33, 2)), axis=1)
    return Motion(np.arange(10) / 30, points, np.full(33, seen), np.full(33, seen))


def list_sentences() -> list[str]:
    """Every reason and doubt of the rules."""
    said: dict[str, None] = {}
    for seen in (0.2, 0.6, 1.0):
        motion = move(seen)
        for hand in (ShootingHand("left", 0.62), ShootingHand("right", 0.9)):
            for frontal in (0.0, 1.0):
                slow = find_slow_motion(motion, hand.side, Lift(0, 9, 0.2))
                for unknown in (find_unknown(motion, hand, frontal), slow):
                    said |= dict.fromkeys([*unknown.values(), *find_doubts(motion, hand, unknown)])
    return list(said)


def test_every_reason_and_doubt_of_the_rules_is_said_in_spanish() -> None:
    sentences = list_sentences()
    assert len(sentences) > 15
    for sentence in sentences:
        spanish = translate(sentence, "es")
        assert not re.search(r"\b(is|are|the|seen|not|left|right)\b|_(wrist|hip|index)", spanish), (sentence, spanish)
        assert [label for label in SHOT_LABELS if label in spanish] == [
            name for name in SHOT_LABELS if name in sentence
        ]
        assert translate(sentence, "en") == sentence


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        (
            "right_wrist is seen in 62% of the frames only",
            "solo en el 62 % de los fotogramas se ve la muñeca derecha",
        ),
        (
            "which hand shoots is not sure (62% left) (muneca_adelantada, brazo_no_alineado)",
            "no es seguro qué mano tira (62 %: la izquierda) (muneca_adelantada, brazo_no_alineado)",
        ),
        ("nose is seen in 62% of the frames only", "solo en el 62 % de los fotogramas se ve nose"),
        ("another sentence", "another sentence"),
    ],
)
def test_a_doubt_is_said_in_spanish(english: str, spanish: str) -> None:
    assert translate(english, "es") == spanish
