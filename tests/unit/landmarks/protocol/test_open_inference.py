"""Messages of the Open Inference Protocol: what goes in comes out, and everything else is refused in one sentence."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from landmarks.protocol.open_inference import (
    CACHED_HEADER_BYTES,
    InferRequest,
    WantedOutput,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from landmarks.protocol.tensors import Array, Datatype, ProtocolError

WINDOW: Array = np.linspace(0, 1, 2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
DECLARED = {"name": "sequence", "shape": [2, 3, 4], "datatype": "FP32"}


def raw_request(size: int | None = 96, raw: bytes | None = None, **changes: Any) -> tuple[bytes, int]:
    """A request with one raw tensor, some of its fields changed, and the length of its JSON."""
    tensor = DECLARED | {"parameters": {"binary_data_size": size}} | changes
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + (WINDOW.tobytes() if raw is None else raw), len(head)


@pytest.mark.parametrize("datatype", ["FP32", "FP16"])
def test_a_request_of_the_pi_is_read_as_it_was_written(datatype: Datatype) -> None:
    presence = np.ones((2, 3, 2), np.float32)
    body, json_bytes = encode_request({"sequence": WINDOW, "presence": presence}, datatype, ("label", "logits"))
    request = decode_request(body, json_bytes)
    rounded = WINDOW.astype(np.float16 if datatype == "FP16" else np.float32).astype(np.float32)
    assert np.array_equal(request.tensors["sequence"], rounded)
    assert np.array_equal(request.tensors["presence"], presence)
    assert request.outputs == (WantedOutput("label", True), WantedOutput("logits", True))
    assert request.id is None


def test_fp16_halves_the_body() -> None:
    window = np.ones((1, 30, 84), np.float32)
    bodies = [encode_request({"sequence": window}, datatype)[0] for datatype in ("FP32", "FP16")]
    assert len(bodies[0]) - len(bodies[1]) == 30 * 84 * 2 + len("1")
    assert len(bodies[1]) < 5300


@pytest.mark.parametrize("data", [WINDOW.ravel().tolist(), WINDOW.tolist()], ids=["flat", "nested"])
@pytest.mark.parametrize("datatype", ["FP32", "FP16"])
def test_numbers_in_the_json_may_be_flat_or_nested(data: list[Any], datatype: str) -> None:
    body = json.dumps({"id": "7", "inputs": [DECLARED | {"datatype": datatype, "data": data}]}).encode()
    request = decode_request(body)
    assert request.id == "7"
    assert request.outputs is None
    assert np.allclose(request.tensors["sequence"], WINDOW, atol=1e-3 if datatype == "FP16" else 1e-7)
    assert request.tensors["sequence"].dtype == np.float32  # type: ignore[union-attr]


def test_raw_and_json_tensors_may_stand_in_one_request() -> None:
    tensors = [
        {"name": "presence", "shape": [2], "datatype": "FP32", "data": [1, 0.5]},
        DECLARED | {"parameters": {"binary_data_size": 96}},
    ]
    head = json.dumps({"inputs": tensors}).encode()
    request = decode_request(head + WINDOW.tobytes(), len(head))
    assert np.array_equal(request.tensors["sequence"], WINDOW)
    assert np.array_equal(request.tensors["presence"], [1, 0.5])


@pytest.mark.parametrize(
    ("parameters", "of_output", "binary"),
    [
        ({}, {}, False),
        ({}, True, True),
        ({"binary_data_output": True}, {}, True),
        ({"binary_data_output": True}, False, False),
    ],
)
def test_an_output_is_raw_when_it_or_the_whole_request_says_so(parameters: Any, of_output: Any, binary: bool) -> None:
    wish = {"name": "logits"} | ({"parameters": {"binary_data": of_output}} if of_output != {} else {})
    tensor = DECLARED | {"data": WINDOW.tolist()}
    body = json.dumps({"inputs": [tensor], "outputs": [wish], "parameters": parameters}).encode()
    assert decode_request(body).outputs == (WantedOutput("logits", binary),)


def test_unknown_fields_and_parameters_are_let_through() -> None:
    tensor = DECLARED | {"data": WINDOW.tolist(), "parameters": {"content_type": "np"}, "more": 1}
    body = json.dumps({"inputs": [tensor], "parameters": {"priority": 3, "timeout": 100}, "extra": None}).encode()
    assert set(decode_request(body).tensors) == {"sequence"}


def test_two_requests_of_equal_headers_keep_their_own_numbers() -> None:
    for value in (1.0, 2.0):
        body, json_bytes = encode_request({"x": np.full((1, 4), value, np.float32)})
        assert json_bytes <= CACHED_HEADER_BYTES
        assert np.array_equal(decode_request(body, json_bytes).tensors["x"], np.full((1, 4), value))


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (raw_request(95), r"inputs\[0\].parameters.binary_data_size is 95, expected 96 for shape \[2, 3, 4\] of FP32"),
        (raw_request(-1), r"binary_data_size is -1, expected 0 or more"),
        (raw_request(None), r"inputs\[0\] has neither data nor binary_data_size"),
        (raw_request(data=[1]), r"inputs\[0\] has both data and binary_data_size"),
        (raw_request(raw=b"short"), "the body has 5 bytes behind its JSON, its tensors declare 96"),
        (raw_request(raw=WINDOW.tobytes() + b"."), "the body has 97 bytes behind its JSON, its tensors declare 96"),
        (raw_request(shape=[2, -3, 4]), r"inputs\[0\].shape\[1\] is -3, expected 0 or more"),
        (raw_request(shape=[2**40, 2**40, 2**40]), r"inputs\[0\].shape has 1\d+ elements, expected at most 16777216"),
        (raw_request(shape=[1] * 9), r"inputs\[0\].shape has 9 axes, expected at most 8"),
        (raw_request(shape=[2.5]), r"inputs\[0\].shape\[0\] is a number, expected a whole number"),
        (raw_request(shape="x"), r"inputs\[0\].shape is a string, expected a list"),
        (raw_request(datatype="INT64"), r"inputs\[0\].datatype is 'INT64', expected FP32 or FP16"),
        (raw_request(name=3), r"inputs\[0\].name is a number, expected a string"),
        (raw_request(parameters={"shared_memory_region": "r"}), r"inputs\[0\].parameters has a shared_memory_region"),
        ((b'{"inputs":[]}', 99), "Inference-Header-Content-Length is 99, expected at most the body's 13 bytes"),
        ((b"{}", 2), "inputs is missing, expected it in the body"),
        ((b"", None), "the message is not JSON"),
        ((b"\xff\xfe", None), "the message is not JSON"),
        ((b'{"id":"\xff","inputs":[]}', None), "the message is not JSON"),
        ((b'{"inputs":[{"data":' + b"[" * 100_000, None), "the message is not JSON"),
    ],
)
def test_a_request_that_is_none_is_refused_in_one_sentence(request_: tuple[bytes, int | None], sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        decode_request(*request_)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([1, 2], r"sequence.data has shape|sequence.data has 2 numbers, expected 24 for shape \[2, 3, 4\]"),
        ([[[1] * 4] * 3], r"sequence.data has shape \[1, 3, 4\], expected \[2, 3, 4\]"),
        ([[[1] * 4] * 3, [[1] * 4] * 2], "sequence.data has lists of different length"),
        ([[[1] * 4] * 3, [[1] * 4, [1] * 4, [1, 1, 1, "x"]]], r"sequence.data\[1\]\[2\]\[3\] is a string, expected a"),
        ("text", "sequence.data is a string, expected a list"),
        (None, "sequence.data is null, expected a list"),
        ([True], "sequence.data"),
    ],
)
def test_json_numbers_that_do_not_fit_are_refused(data: Any, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        decode_request(json.dumps({"inputs": [DECLARED | {"data": data}]}).encode())


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        ([{"name": "a"}, {"name": "a"}], r"outputs\[1\].name is 'a', expected each tensor once"),
        ([{"name": "a", "parameters": {"classification": 3}}], r"outputs\[0\].parameters has classification"),
        ([{"name": "a", "parameters": {"shared_memory_region": "r"}}], "has shared_memory_region"),
        ([{"name": str(index)} for index in range(65)], "outputs has 65 tensors, expected at most 64"),
    ],
)
def test_outputs_that_nobody_can_give_are_refused(outputs: Any, sentence: str) -> None:
    body = json.dumps({"inputs": [DECLARED | {"data": WINDOW.tolist()}], "outputs": outputs}).encode()
    with pytest.raises(ProtocolError, match=sentence):
        decode_request(body)


def test_a_tensor_given_twice_is_refused() -> None:
    tensor = DECLARED | {"data": WINDOW.tolist()}
    with pytest.raises(ProtocolError, match=r"inputs\[1\].name is 'sequence', expected each tensor once"):
        decode_request(json.dumps({"inputs": [tensor, tensor]}).encode())


@pytest.mark.parametrize(
    ("datatype", "number", "sentence"),
    [
        ("FP16", 70_000.0, "sequence has the number 70000, expected finite ones of at most 65504 for FP16"),
        ("FP16", np.nan, "sequence has the number nan"),
        ("FP32", np.inf, "sequence has the number inf"),
    ],
)
def test_numbers_that_the_datatype_cannot_hold_are_never_sent(datatype: Datatype, number: float, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        encode_request({"sequence": np.array([[0.5, number]], np.float32)}, datatype)


ANSWER = {
    "logits": np.array([[0.5, -2.0], [1.0, 3.0]], np.float32),
    "label": np.array(["sí".encode(), b"thank-you"]),
}


@pytest.mark.parametrize("binary", [(True, True), (False, False), (True, False)], ids=["raw", "json", "both"])
@pytest.mark.parametrize("request_id", [None, 'of "three" words'])
def test_a_response_is_read_as_it_was_written(binary: tuple[bool, bool], request_id: str | None) -> None:
    wanted = [WantedOutput("label", binary[0]), WantedOutput("logits", binary[1])]
    body, json_bytes = encode_response(
        ANSWER, wanted, model_name="gesture", model_version="3", request_id=request_id, elapsed_ms=1.25
    )
    assert (json_bytes is None) == (binary == (False, False))
    answer = decode_response(body, json_bytes)
    assert (answer.model_name, answer.model_version) == ("gesture", "3")
    assert (answer.id, answer.elapsed_ms) == (request_id, 1.25)
    assert answer.tensors["label"] == ["sí".encode(), b"thank-you"]
    assert np.array_equal(answer.tensors["logits"], ANSWER["logits"])
    head = msgspec.json.decode(body[:json_bytes])
    assert [output["name"] for output in head["outputs"]] == ["label", "logits"]
    assert ("id" in head) == (request_id is not None)


def test_responses_with_equal_declarations_keep_their_own_numbers() -> None:
    for value in (1.0, 2.0):
        tensors = {"logits": np.full((1, 2), value, np.float32)}
        body, json_bytes = encode_response(
            tensors, [WantedOutput("logits", True)], model_name="m", model_version="1", request_id=None, elapsed_ms=0
        )
        assert np.array_equal(decode_response(body, json_bytes).tensors["logits"], tensors["logits"])


def texts(raw: bytes, elements: int) -> tuple[bytes, int]:
    output = {"name": "label", "datatype": "BYTES", "shape": [elements]}
    head = json.dumps({"model_name": "m", "outputs": [output | {"parameters": {"binary_data_size": len(raw)}}]})
    return head.encode() + raw, len(head)


@pytest.mark.parametrize(
    ("raw", "elements", "sentence"),
    [
        (b"\x05\x00\x00", 1, "label ends within a length"),
        (b"\x05\x00\x00\x00abc", 1, "label has an element of 5 bytes, expected at most the 3 left"),
        (b"\xff\xff\xff\xffabc", 1, "label has an element of 4294967295 bytes"),
        (b"\x01\x00\x00\x00a", 2, "label has 1 elements, expected 2"),
    ],
)
def test_broken_texts_are_refused(raw: bytes, elements: int, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        decode_response(*texts(raw, elements))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (["a", "b"], r"label.data has 2 elements, expected 1 for shape \[1\]"),
        ([1], r"label.data\[0\] is a number, expected a string"),
    ],
)
def test_broken_json_texts_are_refused(data: Any, sentence: str) -> None:
    output = {"name": "label", "datatype": "BYTES", "shape": [1], "data": data}
    with pytest.raises(ProtocolError, match=sentence):
        decode_response(json.dumps({"model_name": "m", "outputs": [output]}).encode())


def test_whatever_bytes_come_the_outcome_is_a_message_or_a_wire_error() -> None:
    generator = np.random.default_rng(0)
    good, json_bytes = encode_request({"sequence": WINDOW}, "FP16")
    read = 0
    for _ in range(3000):
        body = bytearray(good)
        for place in generator.integers(0, len(body), size=generator.integers(1, 6)):
            body[place] = generator.integers(0, 256)
        cut = int(generator.integers(0, len(body) + 1)) if generator.random() < 0.3 else len(body)
        try:
            request = decode_request(bytes(body[:cut]), json_bytes)
        except ProtocolError:
            continue
        assert isinstance(request, InferRequest)
        read += 1
    assert 0 < read < 3000
