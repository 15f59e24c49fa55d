import msgspec
import numpy as np
import pytest

from landmarks.protocol.stream import (
    ErrorMessage,
    OpenMessage,
    StreamPrediction,
    TextMessage,
    encode_prediction,
    is_prediction,
    pack_frames,
)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (OpenMessage(), b"{}"),
        (OpenMessage(encoding="json", stride=0), b'{"encoding":"json","stride":0}'),
        (TextMessage("reset"), b'{"type":"reset"}'),
        (TextMessage("predict", n=7, frames=12), b'{"type":"predict","n":7,"frames":12}'),
        (ErrorMessage("why", "idle", "id"), b'{"type":"error","error":"why","code":"idle","request_id":"id"}'),
        (
            ErrorMessage("why", "not_ready", "id", 0),
            b'{"type":"error","error":"why","code":"not_ready","request_id":"id","frame":0}',
        ),
    ],
)
def test_messages_are_the_json_of_the_contract(message: msgspec.Struct, text: bytes) -> None:
    assert msgspec.json.encode(message) == text
    assert msgspec.json.decode(text, type=type(message)) == message


def test_frames_are_packed_little_endian_behind_their_number() -> None:
    frames = np.array([[1.0, 2.0]], dtype=np.float32)
    assert pack_frames(frames) == bytes.fromhex("003c 0040")
    assert pack_frames(frames, "fp32", number=258) == bytes.fromhex("02010000 0000803f 00000040")


def test_a_prediction_goes_out_as_it_is_read() -> None:
    model = b'{"prediction":"yes","probabilities":[0.25,0.75],"top_index":1,"top_probability":0.75,"model_version":"7"}'
    text = encode_prediction(model, frame=39, frames=30, skipped=2, elapsed_ms=4.8).encode()
    assert text.endswith(b',"frame":39,"frames":30,"skipped":2,"elapsed_ms":4.800}')
    assert is_prediction(text) and not is_prediction(b'{"type":"error"}')
    assert msgspec.json.decode(text, type=StreamPrediction) == StreamPrediction(
        prediction="yes",
        probabilities=(0.25, 0.75),
        top_index=1,
        top_probability=0.75,
        model_version="7",
        frame=39,
        frames=30,
        skipped=2,
        elapsed_ms=4.8,
    )
