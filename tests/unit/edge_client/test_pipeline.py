"""The client put together: landmarks in, one event a gesture out, whoever answers and whatever the network does."""

from collections import deque
from collections.abc import Callable

import numpy as np
import pytest

from edge_client.capture.frames import Frame
from edge_client.capture.recording import to_detections
from edge_client.pipeline import TURN_CAMERA, Pipeline
from edge_client.settings import Publish, Settings, Thresholds
from edge_client.trigger import temperature_scale
from edge_client.types import AnsweredBy, Event, FrameState, Window, WindowPrediction, WindowShape, WindowStats
from landmarks.hands import Array
from testkit.edge.hands import made_frame, made_hand

LABELS = ("none", "hello", "yes")
SHAPE = WindowShape(30, 6, use_z=False, normalization="image")


class Scripted:
    """A recogniser whose answers are a function of the window, and come ``late`` frames later."""

    def __init__(self, say: Callable[[Window], tuple[str, AnsweredBy]], late: int = 0) -> None:
        self.say = say
        self.late = late
        self.shape: WindowShape | None = SHAPE
        self.submitted: list[Window] = []
        self._waiting: deque[tuple[int, WindowPrediction]] = deque()
        self._step = 0

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def submit(self, window: Window) -> None:
        self.submitted.append(window)
        label, source = self.say(window)
        probabilities = np.array([0.98 if name == label else 0.01 for name in LABELS], dtype=np.float32)
        self._waiting.append(
            (self._step + self.late, WindowPrediction(window, LABELS, probabilities, source, 5.0, "1"))
        )

    def collect(self) -> list[WindowPrediction]:
        self._step += 1
        ready = []
        while self._waiting and self._waiting[0][0] < self._step:
            ready.append(self._waiting.popleft()[1])
        return ready


class Client:
    def __init__(self, live: Scripted, settings: Settings | None = None) -> None:
        self.published: list[Event] = []
        self.shown: list[FrameState] = []
        publish, show = self.published.append, self.shown.append
        self.pipeline = Pipeline(settings or Settings(), live, None, publish=publish, show=show, session_id="s")
        self._frame = 0

    def play(self, *frames: Array) -> list[str]:
        events = []
        for hands in frames:
            step = self.pipeline.step(Frame(self._frame / 30, hands=to_detections(hands)))
            events += [event.gesture for event in step]
            self._frame += 1
        return events


def sign(frames: int = 25) -> list[Array]:
    return [made_frame(right=made_hand(x=0.4 + index / 100)) for index in range(frames)]


REST = [made_frame()] * 45


def hello(_: Window) -> tuple[str, AnsweredBy]:
    return "hello", "cloud"


@pytest.mark.parametrize("late", [0, 3, 15])
def test_each_sign_makes_one_event_however_late_the_answers_come(late: int) -> None:
    client = Client(Scripted(hello, late))
    assert client.play(*(sign() + REST) * 4) == ["hello"] * 4


def test_without_hands_nothing_is_asked_and_nothing_happens() -> None:
    live = Scripted(hello)
    client = Client(live)
    assert client.play(*[made_frame()] * 300) == []
    assert live.submitted == []


def test_an_event_has_what_the_contract_says() -> None:
    client = Client(Scripted(hello), Settings(publish=Publish(keys={"hello": "Start"})))
    client.play(*sign())
    (event,) = client.published
    assert (event.gesture, event.character, event.key) == ("hello", "hello", "Start")
    assert (event.session_id, event.sequence, event.source, event.hand) == ("s", 1, "cloud", "right")
    assert event.score == pytest.approx(0.98, abs=0.02)
    assert event.timestamp > 1.7e9


@pytest.mark.parametrize(
    ("left", "right", "hand"), [(20, 5, "left"), (5, 20, "right"), (20, 10, "both"), (7, 7, "both")]
)
def test_an_event_names_the_hands_that_its_window_shows(left: int, right: int, hand: str) -> None:
    presence = np.zeros((20, 2), dtype=np.float32)
    presence[:left, 0] = presence[:right, 1] = 1
    window = Window(np.zeros((20, 126), np.float32), presence, WindowStats(1, 20, 1.0, 0.1, 0.1), 0.0)
    assert window.hand == hand


def test_sequence_counts_the_sessions_events() -> None:
    client = Client(Scripted(hello))
    client.play(*(sign() + REST) * 3)
    assert [event.sequence for event in client.published] == [1, 2, 3]


def test_a_change_of_who_answers_makes_no_second_event() -> None:
    live = Scripted(lambda window: ("hello", "cloud" if window.time_s < 1.0 else "device"))
    client = Client(live)
    assert client.play(*sign(90)) == ["hello"]


def test_the_event_says_who_answered() -> None:
    client = Client(Scripted(lambda _: ("hello", "device")))
    client.play(*sign())
    assert client.published[0].source == "device"


def test_until_the_shape_is_known_hands_are_shown_and_nothing_is_asked() -> None:
    live = Scripted(hello)
    live.shape = None
    client = Client(live)
    assert client.play(*sign(40)) == []
    assert client.shown[-1].hands[1].any()
    live.shape = SHAPE
    assert client.play(*sign(40)) == ["hello"]


def test_a_new_shape_is_followed() -> None:
    live = Scripted(hello)
    client = Client(live)
    client.play(*sign(40))
    live.shape = WindowShape(20, 6, use_z=False, normalization="image")
    client.play(*sign(40))
    assert max(len(window.hands) for window in live.submitted[-5:]) == 20
    assert [window.stats.episode for window in live.submitted] == sorted(
        window.stats.episode for window in live.submitted
    )
    assert live.submitted[-1].stats.episode == 2


def test_windows_hold_smoothed_points_and_the_raw_ones_are_kept_apart() -> None:
    live = Scripted(hello)
    client = Client(live)
    client.play(*sign(20))
    assert client.pipeline.raw[1, 0, 0] == pytest.approx(0.59)
    assert live.submitted[-1].hands[-1].reshape(2, 21, 3)[1, 0, 0] < 0.59


def test_what_is_shown_ends_with_the_hands() -> None:
    client = Client(Scripted(hello))
    client.play(*sign())
    assert client.shown[-1].active_gesture == "hello"
    assert client.shown[-1].smoothed is not None
    client.play(*REST)
    assert client.shown[-1].active_gesture is None
    assert client.shown[-1].prediction is None


def test_the_frame_rate_is_what_came() -> None:
    client = Client(Scripted(hello))
    client.play(*sign(40))
    assert client.pipeline.fps == pytest.approx(30)


def test_every_stage_is_timed_for_every_frame() -> None:
    client = Client(Scripted(hello))
    client.play(*sign(20))
    assert {len(times) for times in client.pipeline.times.stages.values()} == {20}
    assert len(client.pipeline.times.own_ms()) == 20


def test_hands_that_are_upside_down_for_seconds_are_told_and_shown(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(Scripted(hello))
    client.play(*[turn_over(hands) for hands in sign(200)])
    assert client.shown[100].advice is None
    assert client.shown[-1].advice == "turn_camera"
    client.play(*sign(200))
    assert client.shown[-1].advice is None
    turned = [message for message in caplog.messages if "the hands are" in message]
    assert turned == [TURN_CAMERA, "the hands are the right way up"]


def turn_over(hands: Array) -> Array:
    """Hands as a camera that is upside down sees them."""
    turned = hands.copy()
    seen = hands.any(axis=(1, 2))
    turned[seen, :, :2] = 1 - hands[seen, :, :2]
    return turned


@pytest.mark.parametrize(("temperature", "events"), [(1.0, 0), (0.714, 1)])
def test_outputs_are_sharpened_before_the_thresholds(temperature: float, events: int) -> None:
    live = Scripted(hello)
    usual = live.submit

    def submit(window: Window) -> None:
        usual(window)
        due, _ = live._waiting.pop()
        unsure = np.array([0.03, 0.94, 0.03], dtype=np.float32)
        live._waiting.append((due, WindowPrediction(window, LABELS, unsure, "cloud", 5.0, "1")))

    live.submit = submit  # type: ignore[method-assign]
    client = Client(live, Settings(trigger=Thresholds(temperature=temperature)))
    assert len(client.play(*sign())) == events


def test_sharpening_is_a_softmax_at_another_temperature() -> None:
    logits = np.array([1.0, 2.0, 4.0], dtype=np.float32)
    plain, sharp = np.exp(logits) / np.exp(logits).sum(), np.exp(logits * 2) / np.exp(logits * 2).sum()
    assert np.allclose(temperature_scale(plain.astype(np.float32), 0.5), sharp, atol=1e-6)
    assert np.allclose(temperature_scale(plain.astype(np.float32), 1.0), plain, atol=1e-6)
