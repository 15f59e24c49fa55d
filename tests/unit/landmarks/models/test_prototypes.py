import numpy as np

from landmarks.models.prototypes import (
    BACKGROUND_SHARE,
    LIMIT_LINE,
    LIMIT_PER_DOUBLING,
    MARGIN,
    PrototypeHead,
    compute_limit,
    limit_prototypes,
)

EAST, NORTH, UP = np.eye(3, dtype=np.float32)


def test_a_likeness_is_lessened_by_what_also_looks_like_nobodys_gesture() -> None:
    head = PrototypeHead(np.stack([EAST, NORTH, UP]), np.array([0, 1, 2]), np.zeros(2, np.float32), 1.0)
    between = ((EAST + UP) / np.sqrt(2)).astype(np.float32)
    likeness = head.compute_likeness(np.stack([EAST, between]))
    half = np.sqrt(0.5)
    assert np.allclose(likeness, [[1, 0], [half * (1 - BACKGROUND_SHARE), -half * BACKGROUND_SHARE]], atol=1e-6)


def test_without_a_background_it_is_the_cosine_to_the_nearest_prototype() -> None:
    head = PrototypeHead(np.stack([EAST, NORTH, UP]), np.array([0, 0, 1]), np.zeros(2, np.float32), 1.0)
    assert np.allclose(head.compute_likeness(np.stack([NORTH, UP])), [[1, 0], [0, 1]])


def test_limits_rise_with_the_number_of_recordings_and_logits_are_0_there() -> None:
    views = np.stack([EAST, EAST, EAST, NORTH, UP])
    head = limit_prototypes(views, np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 1, 2]), -UP[None], 0.5)
    assert np.allclose(head.limits, [0.5 + LIMIT_PER_DOUBLING, 0.5])
    assert head.owner.tolist() == [0, 0, 0, 0, 1, 2]
    at_the_limit = PrototypeHead(head.prototypes, head.owner, np.array([1, 1], np.float32), head.scale)
    assert np.allclose(at_the_limit.compute_logits(EAST[None])[0, 0], 0)


def test_a_recording_that_is_shown_again_is_recognised_even_where_everything_looks_alike() -> None:
    alike = EAST[None] + 1e-3 * np.stack([NORTH, UP, -UP])
    alike /= np.linalg.norm(alike, axis=1, keepdims=True)
    head = limit_prototypes(alike[:1], np.array([0]), np.array([0]), alike[1:], compute_limit(alike))
    assert np.isclose(head.compute_logits(alike[:1])[0, 0], MARGIN, atol=1e-3)


def test_where_nobodys_gestures_lie_nearer_together_a_limit_is_higher() -> None:
    draw = np.random.default_rng(0)
    apart = draw.normal(size=(40, 8)).astype(np.float32)
    together = apart + 3
    apart, together = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (apart, together))
    assert LIMIT_LINE[0] < compute_limit(apart) < compute_limit(together) < sum(LIMIT_LINE)
    assert np.isclose(compute_limit(np.tile(UP, (3, 1))), sum(LIMIT_LINE))
