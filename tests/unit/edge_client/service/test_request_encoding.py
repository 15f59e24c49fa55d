"""A window on its way and its answer on the way back, in both encodings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_client.service.replies import ResponseError
from edge_client.service.request_encoding import EncodedRequest, decode_fp16, decode_json, encode_fp16, encode_json
from landmarks.hands import Array, compute_presence
from landmarks.models.session import ModelSession
from landmarks.protocol.open_inference import HEADER_LENGTH, WantedOutput, decode_request, encode_response
from testkit.model_files import made_window

MODEL = Path(__file__).resolve().parents[4] / "models" / "gesture" / "1"
PROBABILITIES = np.array([[0.25, 0.75]], np.float32)


def answered(tensors: dict[str, np.ndarray]) -> tuple[bytes, str]:
    wanted = [WantedOutput(name, True) for name in tensors]
    body, json_bytes = encode_response(
        tensors, wanted, model_name="gesture", model_version="4", request_id=None, elapsed_ms=2.5
    )
    return body, str(json_bytes)


def test_an_answer_in_tensors_is_the_same_prediction_as_one_in_json() -> None:
    short = decode_fp16(*answered({"probabilities": PROBABILITIES, "label": np.array(["sí".encode()])}))
    long = decode_json(
        '{"prediction":"sí","probabilities":[0.25,0.75],"top_index":1,"top_probability":0.75,'
        '"model_version":"4","elapsed_ms":2.5}'.encode()
    )
    assert short == long


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"label": np.array([b"a"])}, "no probabilities"),
        ({"probabilities": PROBABILITIES}, "no label"),
        ({"probabilities": np.zeros((1, 0), np.float32), "label": np.array([b"a"])}, "no probabilities"),
        ({"probabilities": PROBABILITIES[0], "label": np.array([b"a"])}, "no probabilities"),
        ({"probabilities": PROBABILITIES, "label": np.array([b"a", b"b"])}, "no label"),
        ({"probabilities": PROBABILITIES, "label": np.array([b"\xff"])}, "not a prediction"),
    ],
)
def test_an_answer_without_what_was_asked_for_is_refused(
    tensors: dict[str, np.ndarray],
    sentence: str,
) -> None:
    with pytest.raises(ResponseError, match=sentence):
        decode_fp16(*answered(tensors))


@pytest.mark.parametrize("length", [None, "", "x", "-3", "7", "99999"])
def test_an_answer_whose_header_is_wrong_is_refused(length: str | None) -> None:
    body, _ = answered({"probabilities": PROBABILITIES, "label": np.array([b"a"])})
    with pytest.raises(ResponseError):
        decode_fp16(body, length)


def test_a_window_of_the_usual_size_takes_a_fifth_of_its_json() -> None:
    window = made_window(30)
    short, long = encode_fp16(window, None), encode_json(window, None)
    assert len(short.body) < 5500
    assert len(short.body) * 4 < len(long.body)


@pytest.mark.parametrize("question", [encode_json, encode_fp16])
def test_nobody_need_watch_for_our_hanging_up(question: Callable[[Array, None], EncodedRequest]) -> None:
    assert question(made_window(30), None).headers["X-Request-Disconnect-Disabled"] == "?1"


def test_landmarks_in_the_image_arrive_to_a_quarter_of_a_thousandth() -> None:
    window = made_window(30)
    question = encode_fp16(window, None)
    arrived = decode_request(question.body, int(question.headers[HEADER_LENGTH])).tensors["sequence"]
    assert np.abs(np.asarray(arrived) - window).max() <= 0.00025


def test_real_windows_get_the_same_label_in_fp16(asl_windows: Array) -> None:
    session = ModelSession.open(MODEL)
    windows = asl_windows
    arrived = np.concatenate(
        [
            np.asarray(decode_request(question.body, int(question.headers[HEADER_LENGTH])).tensors["sequence"])
            for question in (encode_fp16(window, None) for window in windows)
        ]
    )
    labels = [
        np.concatenate(
            [
                session.run({"sequence": part, "presence": compute_presence(part)})["logits"].argmax(axis=-1)
                for part in np.array_split(sent, 150)
            ]
        )
        for sent in (windows, arrived)
    ]
    assert np.array_equal(compute_presence(arrived), compute_presence(windows))
    differing = int((labels[0] != labels[1]).sum())
    assert differing <= len(windows) / 1000, f"{differing} of {len(windows)} windows get another label"
