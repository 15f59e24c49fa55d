"""Advice for every label in every language."""

from landmarks.shots.keypoints import SHOT_LABELS
from serve_app.shots.advice import ADVICE, LANGUAGES, recommend


def test_every_label_has_advice_in_every_language() -> None:
    assert set(ADVICE) == set(SHOT_LABELS)
    assert all(set(texts) == set(LANGUAGES) and all(all(pair) for pair in texts.values()) for texts in ADVICE.values())


def test_advice_keeps_the_labels_order() -> None:
    rows = recommend(("brazo_no_alineado", "baja_transferencia"), "en")
    assert [row["id"] for row in rows] == ["brazo_no_alineado", "baja_transferencia"]
    assert rows[0]["title"] == "Line up the forearm"
