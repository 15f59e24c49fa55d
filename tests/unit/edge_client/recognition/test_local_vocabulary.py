"""A person's own gestures on this machine: named as by the service, fetched from it, never lost to damaged bytes."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_client.recognition.local_model import LocalModel, apply_vocabulary
from edge_client.recognition.local_vocabulary import LocalVocabulary, open_local_vocabulary
from edge_client.recognition.recogniser import AsyncRecogniser, open_recogniser
from edge_client.service.http_client import ServiceClient
from edge_client.service.vocabulary_client import parse_address
from edge_client.settings import Cloud, Device, Settings
from edge_client.types import Window, WindowPrediction, WindowStats
from landmarks.hands import compute_presence, drop_z
from landmarks.models.card import compute_sha256
from landmarks.models.vocabulary import Vocabulary, VocabularyError, compute_digest, teach
from landmarks.models.vocabulary_files import encode_vocabulary
from landmarks.protocol.predictions import softmax
from serve_app.settings import PROJECT_ROOT
from testkit.edge.http_service import HttpService, Reply, Request, http_service, model_answers
from testkit.edge.vocabularies import perform, record_gestures
from testkit.waiting import wait_until

MODEL = PROJECT_ROOT / "models" / "gesture"
TIMEOUT_S = 5.0


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return LocalModel.open(MODEL)


@pytest.fixture(scope="module")
def vocabulary(model: LocalModel) -> Vocabulary:
    return teach(record_gestures("wave", "grab"), model.session, keep=("hello",))


def show(gesture: str, take: int = 100) -> Window:
    hands = perform(gesture, take)
    return Window(hands, compute_presence(hands), WindowStats(1, len(hands), 1.0, 0.1, 0.1), float(take))


def serve_vocabulary(data: bytes) -> Callable[[Request], Reply]:
    """``GET /vocabularies/mine`` of a service."""
    etag = f'"{compute_sha256(data)}"'

    def answer(request: Request) -> Reply:
        assert request.path == "/vocabularies/mine"
        assert request.headers["Accept"] == "application/octet-stream"
        if request.headers.get("If-None-Match") == etag:
            return Reply(304, b"")
        return Reply(body=data, headers={"ETag": etag})

    return answer


@pytest.fixture
def service(vocabulary: Vocabulary) -> Iterator[HttpService]:
    with http_service(serve_vocabulary(encode_vocabulary(vocabulary))) as running:
        yield running


def make_local(folder: Path, url: str) -> LocalVocabulary:
    return LocalVocabulary(folder, "mine", ServiceClient(Cloud(url=url, retries=0)))


def test_the_local_model_names_the_taught_gestures_and_what_is_kept(model: LocalModel, vocabulary: Vocabulary) -> None:
    mine = model.with_vocabulary(vocabulary)
    assert mine.labels == ("grab", "wave", "hello", "none")
    for gesture in ("grab", "wave"):
        answer = mine.predict(show(gesture))
        assert answer.labels == mine.labels
        assert answer.labels[int(answer.probabilities.argmax())] == gesture
    assert mine.labels[int(mine.predict(show("lift")).probabilities.argmax())] == "none"
    assert model.predict(show("wave")).labels == model.session.card.class_labels
    assert mine.version == f"{model.version}-{compute_digest(vocabulary)}"
    assert mine.with_vocabulary(vocabulary).version == mine.version


def test_its_probabilities_are_the_softmax_of_the_vocabularys_logits(model: LocalModel, vocabulary: Vocabulary) -> None:
    window = show("wave")
    outputs = model.session.run({"sequence": drop_z(window.hands)[None], "presence": window.presence[None]})
    card = model.session.card
    logits = vocabulary.compute_logits(outputs["embedding"], outputs["logits"], card.class_labels, card.temperature)
    assert np.allclose(model.with_vocabulary(vocabulary).predict(window).probabilities, softmax(logits[0]))


def test_a_vocabulary_of_another_base_is_embedded_anew(model: LocalModel, vocabulary: Vocabulary) -> None:
    head = replace(vocabulary.head, prototypes=np.ones((len(vocabulary.head.owner), 4), np.float32))
    for other in (replace(vocabulary, base="0" * 64, head=head), replace(vocabulary, head=head)):
        mine = model.with_vocabulary(other)
        assert mine.vocabulary is not None
        assert mine.vocabulary.base == model.sha256
        assert np.allclose(mine.vocabulary.head.prototypes, vocabulary.head.prototypes, atol=1e-3)


def test_labels_that_the_base_lacks_are_left_out(model: LocalModel, vocabulary: Vocabulary) -> None:
    assert model.with_vocabulary(replace(vocabulary, keep=("hello", "gone"))).labels == (
        "grab",
        "wave",
        "hello",
        "none",
    )


def test_a_model_without_an_embedding_answers_with_its_own_labels(
    repository: Path, vocabulary: Vocabulary, caplog: pytest.LogCaptureFixture
) -> None:
    plain = LocalModel.open(repository / "gesture")
    assert apply_vocabulary(plain, vocabulary) is plain
    assert "can't carry the vocabulary" in caplog.text
    assert "export it again" in caplog.text


def test_it_is_fetched_once_written_to_the_file_and_then_only_compared(
    tmp_path: Path, service: HttpService, vocabulary: Vocabulary
) -> None:
    local = make_local(tmp_path / "new", service.url)
    assert local.read() is None
    fetched = local.refresh(TIMEOUT_S)
    assert fetched is not None
    assert fetched.class_labels == vocabulary.class_labels
    assert local.path.read_bytes() == encode_vocabulary(vocabulary)
    assert local.refresh(TIMEOUT_S) is None
    again = make_local(tmp_path / "new", service.url)
    read = again.read()
    assert read is not None
    assert read.gestures == vocabulary.gestures
    assert again.refresh(TIMEOUT_S) is None
    etag = f'"{compute_sha256(encode_vocabulary(vocabulary))}"'
    assert [request.headers.get("If-None-Match") for request in service.requests] == [None, etag, etag]


def test_what_is_here_stays_where_the_service_has_none(
    tmp_path: Path, vocabulary: Vocabulary, caplog: pytest.LogCaptureFixture
) -> None:
    with http_service(lambda _: Reply(404, b'{"error": "no such vocabulary"}')) as service:
        local = make_local(tmp_path, service.url)
        local.path.write_bytes(encode_vocabulary(vocabulary))
        assert local.refresh(TIMEOUT_S) is None
        assert local.read() is not None
    assert caplog.text == ""


def test_a_service_that_fails_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with http_service(lambda _: Reply(500, b'{"error": "broken"}')) as service:
        local = make_local(tmp_path, service.url)
        assert local.refresh(TIMEOUT_S) is None
        assert local.refresh(TIMEOUT_S) is None
    assert caplog.text.count("can't be exchanged with the service") == 1
    assert "broken" in caplog.text


def test_a_damaged_file_is_said_once_and_the_model_answers_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local = make_local(tmp_path, "http://127.0.0.1:9")
    local.path.write_bytes(b"no vocabulary")
    assert local.read() is None
    assert local.read() is None
    assert caplog.text.count("mine.vocabulary") == 1


def test_damaged_bytes_of_the_service_never_reach_the_file(
    tmp_path: Path, vocabulary: Vocabulary, caplog: pytest.LogCaptureFixture
) -> None:
    with http_service(serve_vocabulary(b"no vocabulary")) as service:
        local = make_local(tmp_path, service.url)
        local.path.write_bytes(encode_vocabulary(vocabulary))
        assert local.refresh(TIMEOUT_S) is None
    assert "the service's vocabulary mine is left out" in caplog.text
    assert local.path.read_bytes() == encode_vocabulary(vocabulary)


def test_a_folder_that_can_not_be_written_costs_the_file_alone(
    tmp_path: Path, service: HttpService, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    local = make_local(tmp_path / "taken", service.url)
    assert local.refresh(TIMEOUT_S) is not None
    assert "can't be written" in caplog.text


@pytest.mark.parametrize(
    ("url", "root", "name"),
    [
        ("http://box:8000/vocabularies/mine", "http://box:8000", "mine"),
        ("https://box/helen/vocabularies/ana-2/", "https://box/helen", "ana-2"),
        ("http://box:8000", "http://box:8000", None),
        ("http://box:8000/vocabularies", "http://box:8000/vocabularies", None),
    ],
)
def test_the_url_names_the_vocabulary(url: str, root: str, name: str | None) -> None:
    assert parse_address(url) == (root, name)
    local = open_local_vocabulary(Settings(cloud=Cloud(url=url)))
    assert (local.name if local else None) == name


def test_a_vocabulary_that_changes_on_the_service_changes_here(
    tmp_path: Path, model: LocalModel, vocabulary: Vocabulary
) -> None:
    files = [encode_vocabulary(vocabulary)]
    usual = model_answers(model.session)

    def answer(request: Request) -> Reply:
        if request.path == "/vocabularies/mine":
            return serve_vocabulary(files[-1])(request)
        reply = usual(request)
        return Reply(body=reply.body.replace(b'"model_version":"1"', b'"model_version":"1-%d"' % len(files)))

    with http_service(answer) as service:
        client = ServiceClient(Cloud(url=service.url, retries=0))
        local = make_local(tmp_path, service.url)
        with AsyncRecogniser(client, model, Device(), TIMEOUT_S, local) as live:
            takes = iter(range(1, 10_000))

            def feed_until(labels: tuple[str, ...]) -> None:
                def answered() -> bool:
                    live.submit(show("wave", next(takes)))
                    return live._local is not None and live._local.labels == labels

                wait_until(answered)

            feed_until(("grab", "wave", "hello", "none"))
            files.append(encode_vocabulary(teach(record_gestures("lift"), model.session)))
            feed_until(("lift", "none"))
            assert service.paths().count("/vocabularies/mine") == 2
            assert live.link.same_model is False  # this made service still answers with the base's labels


def test_a_recogniser_of_a_service_that_is_away_answers_with_the_file(tmp_path: Path, vocabulary: Vocabulary) -> None:
    (tmp_path / "mine.vocabulary").write_bytes(encode_vocabulary(vocabulary))
    device = Device(model=str(MODEL), vocabularies=str(tmp_path))
    settings = Settings(cloud=Cloud(url="http://127.0.0.1:9/vocabularies/mine"), device=device)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    with open_recogniser(settings) as live:
        answers: list[WindowPrediction] = []

        def answered() -> bool:
            live.submit(show("grab", 100 + len(answers)))
            answers.extend(live.collect())
            return bool(answers)

        wait_until(answered)
    assert answers[0].labels == ("grab", "wave", "hello", "none")
    assert answers[0].labels[int(answers[0].probabilities.argmax())] == "grab"


MISSING = Reply(404, b'{"error": "there is no vocabulary \'mine\' here; GET /vocabularies lists them"}')


def test_a_service_without_the_vocabulary_brings_no_words_of_the_bundled_model(
    tmp_path: Path, model: LocalModel, vocabulary: Vocabulary, caplog: pytest.LogCaptureFixture
) -> None:
    usual, stored = model_answers(model.with_vocabulary(vocabulary).session), [b""]

    def answer(request: Request) -> Reply:
        if not stored[0]:
            return MISSING
        if request.path == "/vocabularies/mine":
            return serve_vocabulary(stored[0])(request)
        return usual(replace(request, path=request.path.removeprefix("/vocabularies/mine")))

    with http_service(answer) as service:
        device = Device(model=str(MODEL), vocabularies=str(tmp_path), probe_every=0.1)
        settings = Settings(cloud=Cloud(url=f"{service.url}/vocabularies/mine"), device=device)
        takes = iter(range(1, 10_000))
        with open_recogniser(settings) as live:

            def ask() -> list[WindowPrediction]:
                live.submit(show("wave", next(takes)))
                return live.collect()

            wait_until(lambda: ask() == [] and len(service.requests) > 4)
            assert live.labels == ()
            assert not live.link.has_local_model
            assert "the service has no vocabulary mine" in live.link.reason
            assert caplog.text.count("the service has no vocabulary mine") == 1
            assert "teach NAME" in caplog.text
            assert "service away" not in caplog.text
            stored[0] = encode_vocabulary(vocabulary)
            wait_until(lambda: ask() != [])
            assert live.link.has_local_model


def test_a_service_that_is_away_brings_no_words_of_the_bundled_model_either(tmp_path: Path) -> None:
    device = Device(model=str(MODEL), vocabularies=str(tmp_path), probe_every=0.1)
    settings = Settings(cloud=Cloud(url="http://127.0.0.1:9/vocabularies/mine"), device=device)
    with open_recogniser(settings) as live:
        takes = iter(range(1, 10_000))

        def away() -> bool:
            live.submit(show("wave", next(takes)))
            return live.link.connection == "offline" and next(takes) > 40

        wait_until(away)
        assert live.collect() == []
        assert live.labels == ()


def test_a_damaged_note_of_what_the_service_had_counts_as_none(
    tmp_path: Path, service: HttpService, vocabulary: Vocabulary
) -> None:
    (tmp_path / ".mine.shared").write_bytes(b"\xff\r\nX-Header: 1" * 99)
    local = make_local(tmp_path, service.url)
    assert local.save(vocabulary) == ""
    assert local.standing == "same"
    assert make_local(tmp_path, service.url).load(TIMEOUT_S) is not None


def test_a_first_vocabulary_that_was_taught_offline_is_sent_by_the_running_client(
    tmp_path: Path, vocabulary: Vocabulary
) -> None:
    sent: list[bytes] = []

    def answer(request: Request) -> Reply:
        if request.method == "PUT":
            sent.append(request.body)
            return Reply(201)
        return MISSING

    assert make_local(tmp_path, "http://127.0.0.1:9").save(vocabulary)
    with http_service(answer) as service:
        device = Device(model=str(MODEL), vocabularies=str(tmp_path), probe_every=0.1)
        with open_recogniser(Settings(cloud=Cloud(url=f"{service.url}/vocabularies/mine"), device=device)):
            wait_until(lambda: bool(sent))
    assert sent[0] == encode_vocabulary(vocabulary)


def test_what_was_taught_while_the_service_was_away_is_sent_and_not_overwritten(
    tmp_path: Path, model: LocalModel, vocabulary: Vocabulary
) -> None:
    status, stored = [503], [encode_vocabulary(teach(record_gestures("lift"), model.session))]

    def answer(request: Request) -> Reply:
        if request.method == "PUT" and status[0] == 200:
            stored[0] = request.body
        return Reply(status[0], stored[0])

    with http_service(answer) as service:
        status[0] = 200
        local = make_local(tmp_path, service.url)
        assert local.refresh(TIMEOUT_S) is not None
        status[0] = 503
        assert "answered 503" in local.save(vocabulary)
        again = make_local(tmp_path, service.url)
        assert again.refresh(TIMEOUT_S) is None
        status[0] = 200
        assert again.refresh(TIMEOUT_S) is None
        assert stored[0] == encode_vocabulary(vocabulary)
        fetched = again.refresh(TIMEOUT_S)
    assert fetched is not None
    assert fetched.gestures == vocabulary.gestures


def test_what_was_taught_without_knowing_the_services_is_not_sent_over_it(
    tmp_path: Path, model: LocalModel, vocabulary: Vocabulary, caplog: pytest.LogCaptureFixture
) -> None:
    status, other = [503], encode_vocabulary(teach(record_gestures("lift"), model.session))

    def answer(request: Request) -> Reply:
        assert request.method == "GET"
        return Reply(status[0], other)

    with http_service(answer) as service:
        local = make_local(tmp_path, service.url)
        assert "answered 503" in local.save(vocabulary)
        status[0] = 200
        for _ in range(2):
            assert local.refresh(TIMEOUT_S) is None
    assert local.standing == "conflict"
    assert caplog.text.count("the service has another vocabulary mine than this machine") == 1
    assert local.path.read_bytes() == encode_vocabulary(vocabulary)


def test_a_vocabulary_that_can_not_be_written_is_not_sent(
    tmp_path: Path, service: HttpService, vocabulary: Vocabulary
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(VocabularyError, match=r"mine.vocabulary can't be written"):
        make_local(tmp_path / "taken", service.url).save(vocabulary)
    assert service.requests == []
