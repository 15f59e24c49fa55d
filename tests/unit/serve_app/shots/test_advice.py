"""Advice for every label in every language."""

import pytest

from landmarks.shots.keypoints import SHOT_LABELS
from serve_app.shots.advice import ADVICE, LANGUAGES, preferred_language, recommend


def test_every_label_has_advice_in_every_language() -> None:
    assert set(ADVICE) == set(SHOT_LABELS)
    assert all(set(texts) == set(LANGUAGES) and all(all(pair) for pair in texts.values()) for texts in ADVICE.values())


def test_advice_keeps_the_labels_order() -> None:
    rows = recommend(("brazo_no_alineado", "baja_transferencia"), "en")
    assert [row["id"] for row in rows] == ["brazo_no_alineado", "baja_transferencia"]
    assert rows[0]["title"] == "Line up the forearm"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en", "en"),
        ("EN-us", "en"),
        ("es;q=0.3, en;q=0.4", "en"),
        ("en;q=0.3, es;q=0.4", "es"),
        ("en;q=0", "es"),
        ("en;q=much", "es"),
        ("en;q=9", "es"),
        ("*", "es"),
        (";;,=,", "es"),
    ],
)
def test_the_language_that_weighs_most_is_taken(header: str, language: str) -> None:
    assert preferred_language(header) == language
