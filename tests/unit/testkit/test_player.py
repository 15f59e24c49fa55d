"""A player plays windows one after the other, and tells each one's events apart."""

from pathlib import Path

import numpy as np

from edge_client.recognition.local_model import LocalModel
from landmarks.synthetic import make_window
from testkit.edge.player import FPS, REST_FRAMES, Player


def test_a_window_brings_the_same_whenever_it_is_played_and_a_rest_brings_nothing(repository: Path) -> None:
    player = Player(LocalModel.open(repository / "gesture"))
    hands = make_window(use_z=True, seed=1)
    first, nothing, again = (player.play(played) for played in (hands, np.zeros_like(hands), hands))
    assert (first.events, first.classified) == (again.events, again.classified)
    assert first.events == [first.classified]
    assert 0 < first.delay_s < (len(hands) + REST_FRAMES) / FPS
    assert np.isclose(first.delay_s, again.delay_s)
    assert (nothing.events, nothing.delay_s) == ([], 0)
