"""``teach``, ``forget`` and ``gestures``, from a recording to the vocabulary on the service and on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edge_client.cli import main
from edge_client.recognition.local_model import LocalModel
from landmarks.models.vocabulary import Vocabulary, teach
from landmarks.models.vocabulary_files import decode_vocabulary, encode_vocabulary, read_vocabulary
from landmarks.recording import Recording, write_recording
from serve_app.settings import PROJECT_ROOT
from testkit.edge.http_service import HttpService, Reply, Request, http_service
from testkit.edge.vocabularies import record_gestures

MODEL = PROJECT_ROOT / "models" / "gesture"


@dataclass
class Store:
    """The vocabularies of a service, and its model's files."""

    files: dict[str, bytes] = field(default_factory=dict)
    status: int = 200

    def answer(self, request: Request) -> Reply:
        if self.status != 200:
            return Reply(self.status, b'{"error": "no"}')
        if request.path.startswith("/models/gesture/"):
            return Reply(body=(MODEL / "1" / request.path.rpartition("/")[2]).read_bytes())
        name = request.path.removeprefix("/vocabularies/")
        if request.method == "PUT":
            assert request.headers["Content-Type"] == "application/octet-stream"
            decode_vocabulary(request.body)
            self.files[name] = request.body
            return Reply(201)
        if request.method == "DELETE":
            return Reply(204) if self.files.pop(name, None) else Reply(404, b'{"error": "none"}')
        assert request.headers["Accept"] == "application/octet-stream"
        return Reply(body=self.files[name]) if name in self.files else Reply(404, b'{"error": "none"}')


@dataclass
class Pi:
    """The command line on a machine of its own, and the service that it asks."""

    store: Store
    service: HttpService
    folder: Path
    path: str = ""
    model: Path = MODEL

    def run(self, *arguments: str, hands: Recording | None = None) -> int:
        source = self.folder / "source.npz"
        if hands is not None:
            write_recording(hands, source)
        flags = {
            "--source": str(source),
            "--cloud-url": self.service.url + self.path,
            "--cloud-retries": "0",
            "--device-model": str(self.model),
            "--device-vocabularies": str(self.folder / "vocabularies"),
        }
        return main([*arguments, *(part for flag in flags.items() for part in flag)])

    def read(self, name: str = "mine") -> Vocabulary:
        return read_vocabulary(self.folder / "vocabularies" / f"{name}.vocabulary")


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pi]:
    monkeypatch.setattr("edge_client.teaching.recorder.open_frames", lambda source: source.frames())
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    store = Store()
    with http_service(store.answer) as service:
        yield Pi(store, service, tmp_path)


def count_labels(vocabulary: Vocabulary) -> dict[str, int]:
    labels = vocabulary.recording.label.tolist()
    return {label: labels.count(label) for label in dict.fromkeys(labels)}


def test_a_gesture_is_recorded_taught_sent_and_kept(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    taken = record_gestures("wave")
    assert pi.run("teach", "wave", "--count", "3", hands=taken) == 0
    vocabulary = pi.read()
    assert vocabulary.class_labels == ("wave", "none")
    assert vocabulary.recording.hands.shape == (3, 30, 126)
    assert (vocabulary.recording.hands == taken.hands).all()
    assert pi.store.files["mine"] == (pi.folder / "vocabularies" / "mine.vocabulary").read_bytes()
    said = capsys.readouterr().out
    assert "wave 3/3: recorded" in said
    assert "wave is taught with 3 recordings. The vocabulary mine knows: wave." in said
    assert "All recordings of wave are from one sitting." in said
    assert f"export HELEN_CLOUD_API_URL={pi.service.url}/vocabularies/mine" in said


def test_a_second_gesture_joins_the_first_and_both_are_recognised(pi: Pi) -> None:
    assert pi.run("teach", "wave", "--count", "3", hands=record_gestures("wave")) == 0
    assert pi.run("teach", "grab", "--count", "3", "--keep", "hello,yes", hands=record_gestures("grab")) == 0
    assert pi.read().class_labels == ("grab", "wave", "hello", "yes", "none")
    model = LocalModel.open(MODEL).with_vocabulary(pi.read())
    assert model.labels == pi.read().class_labels


def test_teaching_again_replaces_and_more_adds_another_sitting(
    pi: Pi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pi.run("teach", "wave", "--count", "2", hands=record_gestures("wave", takes=2)) == 0
    first = pi.read().recording.hands
    assert pi.run("teach", "wave", "--count", "3", hands=record_gestures("wave", first_take=5)) == 0
    assert "They replace what is there of wave, 2 recordings" in capsys.readouterr().out
    assert count_labels(pi.read()) == {"wave": 3}
    assert not (pi.read().recording.hands[:2] == first).all()
    (session,) = set(pi.read().recording.session.tolist())
    other = pi.read().recording
    renamed = Recording(other.hands, other.label, other.signer, other.session.astype("<U30"), other.fps)
    renamed.session[:] = f"{session} before"
    pi.store.files["mine"] = encode_vocabulary(teach(renamed, LocalModel.open(MODEL).session))
    assert pi.run("teach", "wave", "--more", "--count", "2", hands=record_gestures("wave", takes=2)) == 0
    assert count_labels(pi.read()) == {"wave": 5}
    assert len(set(pi.read().recording.session.tolist())) == 2
    assert "one sitting" not in capsys.readouterr().out


def test_the_url_names_the_vocabulary(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    pi.path = "/vocabularies/ana"
    assert pi.run("teach", "wave", "--count", "1", hands=record_gestures("wave")) == 0
    assert list(pi.store.files) == ["ana"]
    assert pi.read("ana").gestures == ("wave",)
    assert "export" not in capsys.readouterr().out
    assert pi.run("teach", "wave", "--vocabulary", "ben", hands=record_gestures("wave")) == 1
    assert "--vocabulary is 'ben', expected 'ana'" in capsys.readouterr().err


def test_rest_is_recorded_as_none_and_is_no_label_that_answers(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    assert pi.run("teach", "--none", hands=record_gestures("lift")) == 1
    assert "Teach a gesture first" in capsys.readouterr().err
    assert pi.run("teach", "wave", "--count", "2", hands=record_gestures("wave")) == 0
    assert pi.run("teach", "--none", "--count", "2", hands=record_gestures("lift")) == 0
    assert "2 recordings without a gesture" in capsys.readouterr().out
    assert count_labels(pi.read()) == {"wave": 2, "none": 2}
    assert pi.read().class_labels == ("wave", "none")


def test_a_source_that_ends_early_teaches_nothing(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    assert pi.run("teach", "wave", "--count", "5", hands=record_gestures("wave", takes=2)) == 1
    assert "the source ended after 2 of 5 recordings: nothing was taught" in capsys.readouterr().err
    assert pi.store.files == {}
    assert not (pi.folder / "vocabularies" / "mine.vocabulary").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("teach",), "gesture is None, expected its name"),
        (("teach", "wave", "--none"), "expected its name, or --none alone"),
        (
            (
                "teach",
                " ",
            ),
            "label is ''",
        ),
        (("teach", "x" * 65), "expected 1 to 64 printable characters"),
        (("teach", "wave", "--count", "600"), "expected at most 512"),
        (("teach", "wave", "--keep", "nothing"), "keep has 'nothing'"),
        (("teach", "wave", "--vocabulary", "Mine!"), "--vocabulary is 'Mine!'"),
        (("forget", "wave"), "there is no vocabulary mine"),
        (("gestures",), "there is no vocabulary mine"),
    ],
)
def test_what_can_not_be_taught_is_said_before_anyone_is_recorded(
    pi: Pi, arguments: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pi.run(*arguments, hands=record_gestures("wave")) == 1
    captured = capsys.readouterr()
    assert reason in captured.err
    assert "recorded" not in captured.out


def test_without_the_service_it_is_kept_here_and_sent_once_it_is_back(
    pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    pi.store.status = 503
    assert pi.run("teach", "wave", "--count", "1", hands=record_gestures("wave")) == 0
    assert "but not on the service" in capsys.readouterr().out
    assert pi.store.files == {}
    assert pi.run("gestures") == 0
    pi.store.status = 200
    assert pi.run("gestures") == 0
    assert decode_vocabulary(pi.store.files["mine"]).gestures == ("wave",)


def test_a_long_name_that_can_not_be_forgotten_gets_a_short_sentence(
    pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pi.run("teach", "wave", "--count", "1", hands=record_gestures("wave")) == 0
    assert pi.run("forget", "x" * 10_000) == 1
    said = capsys.readouterr().err
    assert "can't be forgotten" in said
    assert len(said) < 250


@pytest.mark.parametrize("keep", ["none", "x" * 10_000, "yes,nothing"])
def test_words_that_can_not_be_kept_get_a_short_sentence(pi: Pi, keep: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pi.run("teach", "wave", "--keep", keep, hands=record_gestures("wave")) == 1
    said = capsys.readouterr().err
    assert "keep has " in said
    assert len(said) < 250
    assert ("leave it out" in said) == (keep == "none")


@pytest.mark.parametrize(
    ("language", "one", "two"), [("en", "1 recording", "2 recordings"), ("es", "1 grabación", "2 grabaciones")]
)
def test_one_recording_is_said_in_the_singular(
    pi: Pi, language: str, one: str, two: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", language)
    for count in (one, two):
        for gesture in ("wave", "none"):
            assert pi.run("teach", gesture, "--count", count[0], hands=record_gestures("wave")) == 0
        said = capsys.readouterr().out
        assert said.count(count) >= 4  # before the lesson and after it, of both
    assert pi.run("teach", "wave", "--count", "1", hands=record_gestures("wave")) == 0
    said = capsys.readouterr().out
    assert "1 recordings" not in said
    assert "1 grabaciones" not in said


def test_the_last_gesture_is_forgotten_with_the_whole_vocabulary(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    assert pi.run("teach", "wave", "--count", "2", "--keep", "yes", hands=record_gestures("wave")) == 0
    assert pi.run("forget", "wave") == 1
    said = capsys.readouterr().err
    assert "wave is the last gesture of the vocabulary mine" in said
    assert "forget --all" in said
    assert pi.read().gestures == ("wave",)
    assert pi.run("forget") == 1
    assert pi.run("forget", "wave", "--all") == 1
    assert "expected a gesture's name, or --all alone" in capsys.readouterr().err
    pi.store.status = 503
    assert pi.run("forget", "--all") == 1
    assert pi.read().gestures == ("wave",)
    pi.store.status = 200
    assert pi.run("forget", "--all") == 0
    assert "The vocabulary mine is deleted, here and on the service." in capsys.readouterr().out
    assert pi.store.files == {}
    assert list((pi.folder / "vocabularies").iterdir()) == []
    assert pi.run("forget", "--all") == 1
    assert "there is no vocabulary mine" in capsys.readouterr().err


def test_a_vocabulary_that_is_not_on_the_service_is_deleted_here(pi: Pi) -> None:
    assert pi.run("teach", "wave", "--count", "1", hands=record_gestures("wave")) == 0
    pi.store.files.clear()
    assert pi.run("forget", "--all") == 0
    assert list((pi.folder / "vocabularies").iterdir()) == []


def test_deleting_never_takes_another_vocabulary_of_the_service(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    other = teach_offline(pi, "wave")
    assert pi.run("forget", "--all") == 1
    assert "the service has another vocabulary mine" in capsys.readouterr().err
    assert pi.store.files["mine"] == other
    assert pi.read().gestures == ("wave",)


def teach_offline(pi: Pi, gesture: str) -> bytes:
    """Teach while the service is away; it then has a vocabulary with ``grab``, which this machine never had."""
    pi.store.status = 503
    assert pi.run("teach", gesture, "--count", "2", hands=record_gestures(gesture)) == 0
    pi.store.status = 200
    other = encode_vocabulary(teach(record_gestures("grab", first_take=50), LocalModel.open(MODEL).session))
    pi.store.files["mine"] = other
    return other


def test_what_was_taught_offline_is_never_sent_over_anothers_vocabulary(
    pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    other = teach_offline(pi, "wave")
    for command in (("gestures",), ("teach", "wave", "--more"), ("forget", "wave")):
        assert pi.run(*command, hands=record_gestures("wave")) == 1
        said = capsys.readouterr().err
        assert "the service has another vocabulary mine than this machine" in said
        assert "gestures --merge" in said
        assert "gestures --fetch" in said
        assert pi.store.files["mine"] == other
        assert pi.read().gestures == ("wave",)
    assert pi.run("teach", "wave", "--count", "1", "--vocabulary", "other", hands=record_gestures("wave")) == 0
    assert pi.store.files["mine"] == other


def test_both_vocabularies_are_merged_when_asked(pi: Pi) -> None:
    teach_offline(pi, "wave")
    assert pi.run("gestures", "--merge") == 0
    assert pi.read().gestures == decode_vocabulary(pi.store.files["mine"]).gestures == ("grab", "wave")
    assert pi.run("gestures") == 0
    assert count_labels(pi.read()) == {"grab": 3, "wave": 2}


def test_a_gesture_that_both_have_is_not_merged(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    other = teach_offline(pi, "grab")
    assert pi.run("gestures", "--merge") == 1
    assert "both have grab" in capsys.readouterr().err
    assert pi.store.files["mine"] == other
    assert count_labels(pi.read()) == {"grab": 2}


def test_the_services_vocabulary_is_fetched_over_this_one_when_asked(pi: Pi) -> None:
    other = teach_offline(pi, "wave")
    assert pi.run("gestures", "--fetch") == 0
    assert pi.read().gestures == ("grab",)
    assert pi.store.files["mine"] == other
    assert pi.run("teach", "wave", "--count", "1", hands=record_gestures("wave")) == 0
    assert decode_vocabulary(pi.store.files["mine"]).gestures == ("grab", "wave")


def test_what_changed_on_the_service_during_an_absence_is_not_sent_over(
    pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pi.run("teach", "wave", "--count", "1", hands=record_gestures("wave")) == 0
    pi.store.status = 503
    assert pi.run("teach", "lift", "--count", "1", hands=record_gestures("lift")) == 0
    pi.store.status = 200
    sent = pi.store.files["mine"]
    pi.store.files["mine"] = other = encode_vocabulary(
        teach(record_gestures("wave", "grab"), LocalModel.open(MODEL).session)
    )
    assert pi.run("gestures") == 1
    assert pi.store.files["mine"] == other
    pi.store.files["mine"] = sent
    assert pi.run("gestures") == 0
    assert decode_vocabulary(pi.store.files["mine"]).gestures == ("lift", "wave")


def test_recordings_of_one_origin_are_merged_once(pi: Pi) -> None:
    assert pi.run("teach", "wave", "--count", "2", hands=record_gestures("wave")) == 0
    first = pi.read().recording
    pi.store.status = 503
    assert pi.run("teach", "wave", "--more", "--count", "1", hands=record_gestures("wave", first_take=7)) == 0
    pi.store.status = 200
    grab = record_gestures("grab")
    joined = Recording(
        np.concatenate([first.hands, grab.hands]),
        np.concatenate([first.label, grab.label]),
        np.concatenate([first.signer, grab.signer]),
        np.concatenate([first.session, grab.session]),
        first.fps,
    )
    pi.store.files["mine"] = encode_vocabulary(teach(joined, LocalModel.open(MODEL).session))
    assert pi.run("gestures") == 1
    assert pi.run("gestures", "--merge") == 0
    assert count_labels(pi.read()) == {"wave": 3, "grab": 3}


def test_a_vocabulary_that_was_deleted_on_the_service_comes_back_by_teach_alone(
    pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pi.run("teach", "wave", "--count", "2", hands=record_gestures("wave")) == 0
    assert pi.run("teach", "grab", "--count", "2", hands=record_gestures("grab")) == 0
    pi.store.files.clear()
    capsys.readouterr()
    for _ in range(2):
        assert pi.run("gestures") == 0
        assert "The service no longer has the vocabulary mine" in capsys.readouterr().out
    assert pi.run("forget", "wave") == 0
    said = capsys.readouterr().out
    assert "The service no longer has the vocabulary mine" in said
    assert "teach sends it" in said
    assert pi.run("gestures") == 0
    assert pi.store.files == {}
    assert pi.read().gestures == ("grab",)
    capsys.readouterr()
    assert pi.run("teach", "lift", "--count", "2", hands=record_gestures("lift")) == 0
    assert "The service no longer had the vocabulary mine: it is sent anew." in capsys.readouterr().out
    assert decode_vocabulary(pi.store.files["mine"]).gestures == ("grab", "lift")


def test_forgetting_removes_a_gesture_or_a_kept_word(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    assert pi.run("teach", "wave", "--count", "2", hands=record_gestures("wave")) == 0
    assert pi.run("teach", "grab", "--count", "2", "--keep", "yes", hands=record_gestures("grab")) == 0
    assert pi.run("forget", "wave") == 0
    assert "wave is forgotten. The vocabulary mine knows: grab, yes." in capsys.readouterr().out
    assert pi.run("forget", "yes") == 0
    assert decode_vocabulary(pi.store.files["mine"]).class_labels == ("grab", "none")
    assert pi.run("forget", "wave") == 1
    assert "'wave' can't be forgotten" in capsys.readouterr().err


def test_the_gestures_are_listed_with_what_they_are_like(
    pi: Pi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pi.run("teach", "wave", "--count", "3", hands=record_gestures("wave")) == 0
    assert pi.run("teach", "grab", "--count", "2", "--keep", "yes", hands=record_gestures("grab")) == 0
    capsys.readouterr()
    assert pi.run("gestures") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["gesture", "recordings", "sittings", "limit", "likeness"]
    assert [line.split()[:3] for line in lines[1:3]] == [["grab", "2", "1"], ["wave", "3", "1"]]
    assert lines[3] == "kept of the base model: yes"
    assert "Left out one by one, 100% of the recordings are named right" in lines[4]
    monkeypatch.setenv("LANG", "es_ES.UTF-8")
    assert pi.run("gestures") == 0
    assert capsys.readouterr().out.startswith("gesto")


def test_without_a_model_here_the_services_is_fetched(pi: Pi) -> None:
    pi.model, pi.path = pi.folder / "models" / "gesture", "/vocabularies/mine"
    assert pi.run("teach", "wave", "--count", "1", hands=record_gestures("wave")) == 0
    assert (pi.model / "model.onnx").exists()
    assert pi.service.paths()[:2] == ["/models/gesture/card.json", "/models/gesture/model.onnx"]


def test_a_damaged_file_is_never_taught_over(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    path = pi.folder / "vocabularies" / "mine.vocabulary"
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    assert pi.run("teach", "wave", hands=record_gestures("wave")) == 1
    assert "mine.vocabulary" in capsys.readouterr().err
    assert path.read_bytes() == b"damaged"
