"""VocabularyHeads: the vocabularies that a postprocessing replica applies, each over the base models that it has met.

A head whose base is another model than the one that answered is taught anew from the vocabulary's recordings, in a
worker thread. Until it is there, rows of that vocabulary are told so at once and nobody else waits; ``prepare`` makes
it. Knows nothing of Ray: what fetches a model's files is handed in.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, ParamSpec, TypeVar

from landmarks.models.card import CARD_FILE, MODEL_FILE, ModelError, decode_card
from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import Vocabulary, VocabularyError, adapt, teach
from landmarks.models.vocabulary_files import MAX_BYTES, encode_vocabulary
from landmarks.protocol.tensors import EMBEDDING, LOGITS
from landmarks.recording import NONE, Recording
from serve_app.errors import BodyTooLarge, Conflict, InvalidInput, NotReady, RequestError, VocabularyPending
from serve_app.schemas import ModelOutput, VocabularyKey
from serve_app.vocabularies.store import VocabularyStore
from serve_app.vocabularies.stored import StoredVocabulary, decode

logger = logging.getLogger(__name__)

# A model's files by name, or None where no replica has a model with this SHA-256.
FetchModel = Callable[[str], Awaitable[Mapping[str, bytes] | None]]
Place = tuple[str, str]  # the SHA-256 of a vocabulary's file and of a base model

Given = ParamSpec("Given")
Made = TypeVar("Made")

MAX_BASES: Final = 2  # during a roll-out two are alive
MAX_HEAD_BYTES: Final = 256 * 1024 * 1024
MOST_IN_PLACE: Final = 1000  # prototypes; more take milliseconds, and a thread
FETCH_ATTEMPTS: Final = 10
FETCH_PAUSE_S: Final = 0.3
FAILURE_S: Final = 2.0  # for which a failure stands, before it is tried again


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A vocabulary over one base model, and the labels that were taught."""

    vocabulary: Vocabulary
    gestures: tuple[str, ...]
    name: str
    digest: str
    size_bytes: int

    def apply(self, output: ModelOutput, rows: Sequence[int]) -> ModelOutput:
        """As ``VocabularyHeads.apply``."""
        embedding = output.outputs.get(EMBEDDING)
        if embedding is None:
            raise build_no_embedding_error(output.version)
        vocabulary, width = self.vocabulary, self.vocabulary.head.prototypes.shape[1]
        if embedding.shape[1] != width:
            found = f"has prototypes of {width} numbers, expected {embedding.shape[1]} as the model gives"
            raise Conflict(f"the vocabulary {self.name} {found}: teach it again")
        if not set(vocabulary.keep) <= set(output.class_labels):  # the file says what isn't true of its base
            vocabulary = replace(vocabulary, keep=tuple(k for k in vocabulary.keep if k in output.class_labels))
        chosen = {name: tensor[rows] for name, tensor in output.outputs.items()}
        logits = vocabulary.compute_logits(chosen[EMBEDDING], chosen[LOGITS], output.class_labels, output.temperature)
        version = f"{output.version}-{self.digest}"
        labels = (*self.gestures, *vocabulary.keep, NONE)
        return ModelOutput(version, labels, 1.0, chosen | {LOGITS: logits}, output.base)


class VocabularyHeads:
    """The heads of one replica.

    Args:
        store: the vocabularies.
        fetch: gets the files of a base model.
    """

    def __init__(self, store: VocabularyStore, fetch: FetchModel) -> None:
        self.store = store
        self._fetch = fetch
        # Two: what somebody teaches, for seconds, doesn't keep others from what only has to be read.
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="vocabularies")
        self._heads: OrderedDict[Place, Head] = OrderedDict()
        self._sessions: OrderedDict[str, ModelSession] = OrderedDict()
        self._opening = asyncio.Lock()
        self._preparing: dict[tuple[VocabularyKey, str], asyncio.Task[None]] = {}
        self._failed: dict[tuple[VocabularyKey, str], tuple[RequestError, float]] = {}

    async def apply(self, key: VocabularyKey, output: ModelOutput, rows: Sequence[int]) -> ModelOutput:
        """What a vocabulary makes of some rows of a model's outputs: its own logits, labels and version.

        Raises:
            VocabularyPending: it isn't prepared for this model.
            Conflict: the model gives no embedding, or another than the vocabulary was taught with.
        """
        head = self._find(key, output.base)
        if len(head.vocabulary.head.owner) > MOST_IN_PLACE:
            return await asyncio.to_thread(head.apply, output, rows)
        return head.apply(output, rows)

    async def prepare(self, key: VocabularyKey, base: str) -> bool | RequestError:
        """Begin to prepare a vocabulary for a base model, or say how that ended: whether it is ready, or why not."""
        place = (key, base)
        task = self._preparing.get(place)
        if task is not None:
            return False
        try:
            self._find(key, base)
        except VocabularyPending:
            failure = self._failed.get(place)
            if failure is not None and time.monotonic() < failure[1]:
                return failure[0]
            task = asyncio.get_running_loop().create_task(self._prepare(key, base))
            self._preparing[place] = task
            return False
        return True

    async def teach(self, recording: Recording, keep: Sequence[str], base: str) -> bytes | RequestError:
        """The file of a vocabulary taught from recordings over a base model, or why it can't be."""
        try:
            session = await self._open(base)
            return await self._run(teach_file, recording, session, keep)
        except RequestError as error:
            return error
        except VocabularyError as error:
            return InvalidInput(str(error))
        except ModelError as error:
            return NotReady(str(error))

    async def _prepare(self, key: VocabularyKey, base: str) -> None:
        place = (key, base)
        try:
            stored = self.store.found.served.get(key.name)
            if stored is None or stored.sha256 != key.sha256:
                await self._run(self.store.refresh)
                stored = self.store.get(key.name)
            session = None if stored.base == base else await self._open(base)
            head = await self._run(make_head, stored, session)
            for sha256 in {stored.sha256, key.sha256}:  # a file that was replaced since is what stands there now
                self._keep((sha256, base), head)
            self._failed.pop(place, None)
        except RequestError as error:
            self._fail(place, error)
        except (VocabularyError, ModelError) as error:
            self._fail(place, Conflict(str(error)))
        except Exception:  # the last resort
            logger.exception("the vocabulary %s could not be prepared", key.name)
            self._fail(place, RequestError("the service failed on this vocabulary; its log has the details"))
        finally:
            del self._preparing[place]

    def _fail(self, place: tuple[VocabularyKey, str], reason: RequestError) -> None:
        now_s = time.monotonic()
        self._failed = {other: failure for other, failure in self._failed.items() if now_s < failure[1]}
        self._failed[place] = reason, now_s + FAILURE_S

    def _find(self, key: VocabularyKey, base: str) -> Head:
        place = (key.sha256, base)
        head = self._heads.get(place)
        if head is None:
            raise VocabularyPending(*key, base)
        self._heads.move_to_end(place)
        return head

    def _keep(self, place: Place, head: Head) -> None:
        self._heads[place] = head
        while len(self._heads) > 1 and sum(each.size_bytes for each in self._heads.values()) > MAX_HEAD_BYTES:
            self._heads.popitem(last=False)

    async def _open(self, base: str) -> ModelSession:
        """The base model, loaded.

        Raises:
            NotReady: no replica has it any more.
            ModelError: its files don't prove themselves.
        """
        async with self._opening:
            session = self._sessions.get(base)
            for _ in range(FETCH_ATTEMPTS):
                if session is not None:
                    break
                files = await self._fetch(base)
                if files is None:
                    await asyncio.sleep(FETCH_PAUSE_S)
                else:
                    session = await self._run(open_session, files)
            if session is None:
                raise NotReady("the gesture model is being replaced; try again in a second")
            self._sessions[base] = session
            self._sessions.move_to_end(base)
            if len(self._sessions) > MAX_BASES:
                self._sessions.popitem(last=False)
            return session

    async def _run(self, work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
        return await asyncio.get_running_loop().run_in_executor(self._workers, lambda: work(*given, **named))


def make_head(stored: StoredVocabulary, session: ModelSession | None) -> Head:
    """A stored vocabulary over its own base, or taught anew over the model that is given.

    Raises:
        VocabularyError: that model has no embedding.
    """
    vocabulary = decode(stored.data)
    if session is not None:
        vocabulary = adapt(vocabulary, session)
    size_bytes = vocabulary.head.prototypes.nbytes + vocabulary.recording.hands.nbytes
    return Head(vocabulary, vocabulary.gestures, stored.name, stored.digest, size_bytes)


def teach_file(recording: Recording, session: ModelSession, keep: Sequence[str]) -> bytes:
    """The file of a vocabulary taught from recordings.

    Raises:
        VocabularyError: it can't be taught.
        BodyTooLarge: the file would be larger than one may be.
    """
    data = encode_vocabulary(teach(recording, session, keep))
    if len(data) > MAX_BYTES:
        expected = f"expected at most {MAX_BYTES}: leave out recordings"
        raise BodyTooLarge(f"the vocabulary would have {len(data)} bytes, {expected}")
    return data


def open_session(files: Mapping[str, bytes]) -> ModelSession:
    """A model's files, loaded with one thread: live batches need the other cores.

    Raises:
        ModelError: they don't prove themselves.
    """
    return ModelSession(files[MODEL_FILE], decode_card(files[CARD_FILE], CARD_FILE), threads=1)


def build_no_embedding_error(version: str) -> Conflict:
    """Why a model can't carry vocabularies, and what to do."""
    return Conflict(
        f"the gesture model version {version} gives no {EMBEDDING}, which vocabularies need: export it again with"
        " python -m training.export_onnx, or serve one that has it"
    )
