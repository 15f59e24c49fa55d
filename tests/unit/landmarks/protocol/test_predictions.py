import warnings

import msgspec
import numpy as np
import pytest

from landmarks.protocol.predictions import ModelPrediction, Prediction, sigmoid, softmax

RESPONSE = {"prediction": "yes", "probabilities": [0.25, 0.75], "top_index": 1, "top_probability": 0.75}


def test_softmax_is_over_the_last_axis_of_any_number() -> None:
    logits = np.log(np.array([[[1, 3], [1, 1]]], dtype=np.float32))
    assert softmax(logits).tolist() == [[[pytest.approx(0.25), pytest.approx(0.75)], [0.5, 0.5]]]
    assert softmax(logits[0, 0]).dtype == np.float32


def test_huge_logits_do_not_overflow() -> None:
    assert softmax(np.array([[3e38, 0.0]], dtype=np.float32)).tolist() == [[1.0, 0.0]]
    assert sigmoid(np.array([-1e300, 0.0, 1e300])) == pytest.approx([0.0, 0.5, 1.0])


def test_logits_that_are_not_finite_give_nan_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(softmax(np.array([np.inf, 0.0], dtype=np.float32))).any()


def test_a_prediction_is_encoded_in_the_order_of_the_contract() -> None:
    encoded = msgspec.json.encode(ModelPrediction("yes", (0.25, 0.75), 1, 0.75, "7"))
    assert msgspec.json.decode(encoded) == RESPONSE | {"model_version": "7"}
    assert encoded.startswith(b'{"prediction":"yes","probabilities":[0.25,0.75],"top_index":1,')


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": []}, "probabilities is empty, expected one a label"),
        ({"probabilities": [0.5, 1.1]}, "probabilities has 1.1, expected 0 to 1"),
        ({"probabilities": [0.5, -0.1]}, "probabilities has -0.1, expected 0 to 1"),
        ({"probabilities": [0, 0]}, "probabilities has no number above 0"),
        ({"top_index": 2}, "top_index is 2, expected less than 2"),
        ({"top_index": -1}, "top_index is -1, expected less than 2"),
    ],
)
def test_a_response_that_can_not_be_is_refused(changes: dict[str, object], message: str) -> None:
    good = RESPONSE | {"elapsed_ms": 1.5}
    assert msgspec.convert(good, Prediction).model_version is None
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(good | changes, Prediction)
