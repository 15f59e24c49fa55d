"""The real service as an unchanged Triton client sees it."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from landmarks.hands import Array, compute_presence
from landmarks.models.session import ModelSession
from testkit.model_files import made_window
from testkit.service import RunningService

pytestmark = pytest.mark.e2e

SETTLED_WITHIN_S = 60
WINDOWS = np.stack([made_window(20, seed=seed) for seed in range(4)])


@pytest.fixture
def triton(service: RunningService) -> Iterator[InferenceServerClient]:
    address = service.url.removeprefix("http://")
    client = InferenceServerClient(address, connection_timeout=30, network_timeout=30)
    wait_until_settled(client)
    yield client
    client.close()


def wait_until_settled(client: InferenceServerClient) -> None:
    """Wait until every replica serves version 1, whatever other tests published, pinned or scaled before."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    in_a_row = 0
    said: Any = None
    while in_a_row < 20:  # more than there are replicas, in any order
        assert time.monotonic() < deadline, said
        try:
            if in_a_row == 0:
                client.load_model("gesture")
            said = client.get_model_repository_index()
        except InferenceServerException as error:
            said = error
        settled = isinstance(said, list) and get_served_model(said) == [
            ("gesture", "1", "READY"),
            ("shot", "1", "READY"),
        ]
        in_a_row = in_a_row + 1 if settled else 0
        time.sleep(0.01 if settled else 0.2)


def get_served_model(index: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(entry["name"], entry["version"], entry["state"]) for entry in index]


@pytest.fixture
def session(service: RunningService) -> ModelSession:
    return ModelSession.open(service.repository / "gesture" / "1")


def tensor(name: str, array: Any, binary: bool = True) -> InferInput:
    given = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array, binary_data=binary)
    return given


def expected(session: ModelSession, windows: Array) -> Array:
    return session.run({"sequence": windows, "presence": compute_presence(windows)})["logits"]


def test_the_service_and_its_model_are_live_and_ready(triton: InferenceServerClient) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("gesture")
    assert triton.is_model_ready("gesture", "1")
    assert not triton.is_model_ready("gesture", "99")
    assert not triton.is_model_ready("nobody")


def test_metadata_says_what_the_model_file_says(triton: InferenceServerClient, session: ModelSession) -> None:
    assert "binary_tensor_data" in triton.get_server_metadata()["extensions"]
    metadata = triton.get_model_metadata("gesture", "1")
    assert metadata["inputs"] == [
        {"name": "sequence", "datatype": "FP32", "shape": [-1, -1, session.card.feature_dim]},
        {"name": "presence", "datatype": "FP32", "shape": [-1, -1, 2]},
    ]
    assert [output["name"] for output in metadata["outputs"]] == ["logits", "embedding", "probabilities", "label"]


@pytest.mark.parametrize("binary", [True, False], ids=["raw", "json"])
@pytest.mark.parametrize(("kind", "tolerance"), [(np.float32, 1e-4), (np.float16, 0.05)])
def test_a_batch_gets_the_answers_of_the_model_file(
    triton: InferenceServerClient, session: ModelSession, kind: Any, tolerance: float, binary: bool
) -> None:
    windows = WINDOWS.astype(kind)
    wanted = [InferRequestedOutput(name, binary_data=binary) for name in ("label", "logits", "probabilities")]
    answer = triton.infer("gesture", [tensor("sequence", windows, binary)], outputs=wanted, request_id="pi-7")
    logits = expected(session, windows.astype(np.float32))
    assert np.allclose(answer.as_numpy("logits"), logits, atol=tolerance)
    assert answer.as_numpy("probabilities").sum(axis=1) == pytest.approx(1, abs=1e-4)
    given = [text.decode() if isinstance(text, bytes) else text for text in answer.as_numpy("label")]
    assert given == [session.card.class_labels[index] for index in logits.argmax(axis=1)]
    said = answer.get_response()
    assert (said["id"], said["model_name"], said["model_version"]) == ("pi-7", "gesture", "1")


def test_without_a_wish_every_output_comes_and_presence_may_be_given(
    triton: InferenceServerClient, session: ModelSession
) -> None:
    presence = compute_presence(WINDOWS)
    answer = triton.infer("gesture", [tensor("sequence", WINDOWS), tensor("presence", presence)], model_version="1")
    assert np.allclose(answer.as_numpy("logits"), expected(session, WINDOWS), atol=1e-4)
    assert answer.as_numpy("label").shape == (len(WINDOWS),)


@pytest.mark.parametrize("binary", [True, False], ids=["raw", "json"])
@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_both_ways_the_answers_are_the_same(
    triton: InferenceServerClient, session: ModelSession, algorithm: str, binary: bool
) -> None:
    windows = np.concatenate([WINDOWS] * 8)  # so that the answer is large enough for it to pay
    answer = triton.infer(
        "gesture",
        [tensor("sequence", windows, binary)],
        outputs=[InferRequestedOutput("logits", binary_data=binary)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert np.allclose(answer.as_numpy("logits"), expected(session, windows), atol=1e-4)
    with pytest.raises(InferenceServerException, match="sequence is missing"):
        triton.infer(
            "gesture",
            [tensor("x", windows)],
            request_compression_algorithm=algorithm,
            response_compression_algorithm=algorithm,
        )


@pytest.mark.parametrize(
    ("name", "windows", "sentence"),
    [
        ("sequence", np.ones((1, 20, 80), np.float32), r"sequence has shape \[1, 20, 80\], expected \[-1, -1, 84\]"),
        ("sequence", np.full((1, 20, 84), np.nan, np.float16), r"sequence\[0\]\[0\]\[0\] is nan, expected a finite"),
        ("x", WINDOWS, "sequence is missing, expected it in inputs"),
    ],
)
def test_what_is_no_window_is_refused_in_words(
    triton: InferenceServerClient, name: str, windows: Any, sentence: str
) -> None:
    with pytest.raises(InferenceServerException, match=sentence) as refused:
        triton.infer("gesture", [tensor(name, windows)])
    assert refused.value.status() == "400"


def test_a_model_that_there_is_not_is_a_404_in_words(triton: InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="there is no model 'nobody' here") as refused:
        triton.infer("nobody", [tensor("sequence", WINDOWS)])
    assert refused.value.status() == "404"


def test_the_index_lists_the_model_load_looks_again_and_unload_says_why_not(triton: InferenceServerClient) -> None:
    index = get_served_model(triton.get_model_repository_index())
    assert index == [("gesture", "1", "READY"), ("shot", "1", "READY")]
    triton.load_model("gesture")
    with pytest.raises(InferenceServerException, match="can't be unloaded here") as refused:
        triton.unload_model("gesture")
    assert refused.value.status() == "501"
    assert triton.is_model_ready("gesture")
