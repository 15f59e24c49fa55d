"""What Postprocess makes of rows that name a vocabulary."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from landmarks.hands import Array, compute_presence
from landmarks.models.card import CARD_FILE, MODEL_FILE
from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import adapt
from serve_app.deployments.postprocess import Postprocess
from serve_app.errors import Conflict, NotReady, RequestError, VocabularyPending
from serve_app.schemas import ModelOutput, VocabularyKey, place_rows
from serve_app.vocabularies.heads import make_head
from testkit.model_files import LABELS, write_embedding_version, write_version
from testkit.vocabularies import made_gesture, teach_made, write_vocabulary_file

MINE, HERS = ["wave", "stop"], ["circle", "wave", "zigzag"]


class Replica(Postprocess):
    """Postprocessing that finds the models which a test has."""

    def __init__(self, repository: Path) -> None:
        super().__init__(str(repository))
        self.models: dict[str, Path] = {}
        self.fetched = 0

    async def fetch_model(self, base: str) -> Mapping[str, bytes] | None:
        self.fetched += 1
        folder = self.models.get(base)
        return None if folder is None else {name: (folder / name).read_bytes() for name in (MODEL_FILE, CARD_FILE)}

    async def prepared(self, key: VocabularyKey, base: str) -> RequestError | None:
        """Wait until a vocabulary is prepared, or why it can't be."""
        async with asyncio.timeout(20):
            while (state := await self.prepare(key, base)) is False:
                await asyncio.sleep(0.01)
        return state if isinstance(state, RequestError) else None

    def key(self, name: str) -> VocabularyKey:
        return self.heads.store.get(name).key


def run_model(folder: Path, windows: Array) -> ModelOutput:
    """What the model of a version's folder gives for windows."""
    session = ModelSession.open(folder, threads=1)
    outputs = session.run({"sequence": windows, "presence": compute_presence(windows)})
    card = session.card
    return ModelOutput(folder.name, card.class_labels, card.temperature, outputs, card.sha256)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write_embedding_version(tmp_path / "models", 1)


@pytest.fixture
def replica(first: Path) -> Replica:
    repository = first.parents[1]
    write_vocabulary_file(repository, "mine", teach_made(first, MINE, keep=["yes"]))
    write_vocabulary_file(repository, "hers", teach_made(first, HERS))
    replica = Replica(repository)
    replica.models[ModelSession.open(first).card.sha256] = first
    return replica


WINDOWS = np.stack([made_gesture(label, seed=99) for label in ("wave", "circle", "wave", "stop")])


@pytest.mark.anyio
@pytest.mark.parametrize("most_in_place", [0, 1000], ids=["in a thread", "in place"])
async def test_rows_of_two_vocabularies_and_of_none_share_a_batch(
    replica: Replica, first: Path, monkeypatch: pytest.MonkeyPatch, most_in_place: int
) -> None:
    monkeypatch.setattr("serve_app.vocabularies.heads.MOST_IN_PLACE", most_in_place)
    output = run_model(first, WINDOWS)
    mine, hers = replica.key("mine"), replica.key("hers")
    for key in (mine, hers):
        assert await replica.prepared(key, output.base) is None
    assert replica.fetched == 0  # over its own base a vocabulary needs no model
    answers = await replica.predict(output, (mine, hers, None, mine))
    one, two, three, four = (json.loads(answer) for answer in answers if isinstance(answer, bytes))
    assert [each["prediction"] for each in (one, two, four)] == ["wave", "circle", "stop"]
    assert [len(each["probabilities"]) for each in (one, two, three, four)] == [4, 4, len(LABELS), 4]
    assert one["model_version"] == f"1-{replica.heads.store.get('mine').digest}" == four["model_version"]
    assert two["model_version"] != one["model_version"]
    (alone,) = await replica.predict(output.select([2]))
    assert json.loads(alone) == three  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_tensors_are_those_of_each_rows_own_vocabulary(replica: Replica, first: Path) -> None:
    output = run_model(first, WINDOWS)
    mine = replica.key("mine")
    assert await replica.prepared(mine, output.base) is None
    rows = place_rows(await replica.predict_tensors(output, (mine, None, None, mine)), 4)
    shown = [row.response.tensors["label"][row.row] for row in rows if not isinstance(row, Exception)]
    plain = place_rows(await replica.predict_tensors(output), 4)
    own = [row.response.tensors["label"][row.row] for row in plain if not isinstance(row, Exception)]
    assert shown == [b"wave", own[1], own[2], b"stop"]
    (row, *_) = rows
    assert not isinstance(row, Exception)
    assert np.array_equal(row.response.tensors["embedding"], output.outputs["embedding"][[0, 3]])


@pytest.mark.anyio
async def test_a_vocabulary_that_is_not_prepared_keeps_no_other_row_waiting(replica: Replica, first: Path) -> None:
    output = run_model(first, WINDOWS)
    mine = replica.key("mine")
    pending, *others = await replica.predict(output, (mine, None, None, None))
    assert isinstance(pending, VocabularyPending)
    assert (pending.name, pending.sha256, pending.base) == (*mine, output.base)
    assert all(isinstance(other, bytes) for other in others)


@pytest.mark.anyio
async def test_over_another_model_the_recordings_are_embedded_anew_and_both_models_go_on(
    replica: Replica, first: Path
) -> None:
    second = write_embedding_version(first.parents[1], 2, seed=9, labels=("none", "hello"))
    before, after = run_model(first, WINDOWS), run_model(second, WINDOWS)
    replica.models[after.base] = second
    mine = replica.key("mine")
    for output in (before, after):
        assert await replica.prepared(mine, output.base) is None
    assert replica.fetched == 1
    for output, labels in ((before, ("stop", "wave", "yes", "none")), (after, ("stop", "wave", "none"))):
        answers = [json.loads(a) for a in await replica.predict(output, [mine] * 4) if isinstance(a, bytes)]
        assert [answers[0]["prediction"], answers[3]["prediction"]] == ["wave", "stop"]
        assert len(answers[0]["probabilities"]) == len(labels)
        assert answers[0]["model_version"].startswith(f"{output.version}-")
    vocabulary = adapt(teach_made(first, MINE, keep=["yes"]), ModelSession.open(second))
    logits = vocabulary.compute_logits(
        after.outputs["embedding"], after.outputs["logits"], after.class_labels, after.temperature
    )
    (group,) = await replica.predict_tensors(after, [mine] * 4)
    assert not isinstance(group.response, Exception)
    assert group.response.tensors["logits"] == pytest.approx(logits, abs=1e-4)


@pytest.mark.anyio
async def test_many_who_wait_for_the_same_vocabulary_have_it_prepared_once(replica: Replica, first: Path) -> None:
    second = write_embedding_version(first.parents[1], 2, seed=9)
    after = run_model(second, WINDOWS)
    replica.models[after.base] = second
    waiting = [replica.prepared(replica.key("mine"), after.base) for _ in range(20)]
    assert await asyncio.gather(*waiting) == [None] * 20
    assert replica.fetched == 1


@pytest.mark.anyio
async def test_a_vocabulary_that_was_put_a_moment_ago_is_found_by_who_has_not_polled_yet(
    replica: Replica, first: Path
) -> None:
    output = run_model(first, WINDOWS)
    elsewhere = Replica(first.parents[1])
    write_vocabulary_file(first.parents[1], "new", teach_made(first, ["wave"]))
    elsewhere.heads.store.refresh()
    assert await replica.prepared(elsewhere.key("new"), output.base) is None
    (answer, *_) = await replica.predict(output, [elsewhere.key("new")] * 4)
    assert json.loads(answer)["prediction"] == "wave"  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_requests_under_way_are_answered_when_the_vocabulary_is_replaced_or_deleted(
    replica: Replica, first: Path
) -> None:
    output, mine = run_model(first, WINDOWS), replica.key("mine")
    assert await replica.prepared(mine, output.base) is None
    replica.heads.store.delete("mine")
    (answer, *_) = await replica.predict(output, [mine] * 4)
    assert json.loads(answer)["prediction"] == "wave"  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_a_vocabulary_that_is_gone_is_said(replica: Replica, first: Path) -> None:
    base = run_model(first, WINDOWS).base
    failure = await replica.prepared(VocabularyKey("gone", "0" * 64), base)
    assert failure is not None
    assert (failure.status, "there is no vocabulary 'gone'" in failure.message) == (404, True)


@pytest.mark.anyio
async def test_a_model_that_nobody_has_any_more_is_said(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve_app.vocabularies.heads.FETCH_PAUSE_S", 0.001)
    failure = await replica.prepared(replica.key("mine"), "0" * 64)
    assert isinstance(failure, NotReady)
    assert "is being replaced" in failure.message


@pytest.mark.anyio
async def test_a_model_without_an_embedding_is_said_with_what_to_do(replica: Replica, first: Path) -> None:
    plain = write_version(first.parents[1], 2)
    output, mine = run_model(plain, WINDOWS), replica.key("mine")
    replica.models[output.base] = plain
    failure = await replica.prepared(mine, output.base)
    assert isinstance(failure, Conflict)
    assert "expected embedding among them: export it again" in failure.message


@pytest.mark.anyio
async def test_a_file_that_says_what_is_not_true_of_its_base_does_no_harm(replica: Replica, first: Path) -> None:
    """Its base has other labels, or an embedding of another width."""
    second = write_embedding_version(first.parents[1], 2, seed=9, labels=("none", "hello"))
    output = run_model(second, WINDOWS)
    key = replica.key("mine")
    head = replica.heads
    stored = head.store.get("mine")
    head._keep((key.sha256, output.base), make_head(stored, None))
    (answer, *_) = await replica.predict(output, [key] * 4)
    assert len(json.loads(answer)["probabilities"]) == 3  # type: ignore[arg-type]
    narrow = ModelOutput(
        output.version,
        output.class_labels,
        1.0,
        {**output.outputs, "embedding": output.outputs["embedding"][:, :8]},
        output.base,
    )
    (failed, *_) = await replica.predict(narrow, [key] * 4)
    assert isinstance(failed, Conflict)
    assert "prototypes of 48 numbers, expected 8" in failed.message


@pytest.mark.anyio
async def test_what_people_call_their_gestures_is_no_label_of_a_series(replica: Replica, first: Path) -> None:
    output, mine = run_model(first, WINDOWS), replica.key("mine")
    assert await replica.prepared(mine, output.base) is None
    await replica.predict(output, [mine, mine, None, mine])
    families = {family.name: family for family in (await replica.snapshot()).families}
    counted = {
        (sample.labels["vocabulary"], sample.labels["outcome"]): sample.value
        for sample in families["helen_vocabulary_predictions"].samples
        if sample.name.endswith("_total")
    }
    assert counted == {("mine", "gesture"): 2.0, ("mine", "none"): 1.0}  # she alone signs a circle
    named = {sample.labels["label"] for sample in families["helen_predictions"].samples}
    assert named <= set(LABELS)
    replica.heads.store.delete("mine")
    families = {family.name: family for family in (await replica.snapshot()).families}
    assert families["helen_vocabulary_predictions"].samples == []
