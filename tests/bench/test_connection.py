"""The request of a load as it goes on the wire, and the reckoning of what came back."""

import pytest

from bench.connection import UNANSWERED, Answers, Target

URL = "http://127.0.0.1:8000/predict"


@pytest.mark.parametrize(("name", "host"), [(None, b"127.0.0.1:8000"), ("helen.example.org", b"helen.example.org")])
def test_the_request_names_its_host_length_and_headers(name: str | None, host: bytes) -> None:
    target = Target.post(URL, {"X-Kind": "made"}, b"abc", name=name)
    assert (target.host, target.port) == ("127.0.0.1", 8000)
    head, _, body = target.request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines == [b"POST /predict HTTP/1.1", b"Host: " + host, b"Content-Length: 3", b"X-Kind: made"]
    assert body == b"abc"


def test_latency_counts_from_due_and_waiting_from_sending() -> None:
    answers = Answers()
    for due_s in (0.0, 1.0, 2.0):
        answers.note(200, due_s, due_s + 0.1, due_s + 0.3)
    answers.note(429, 1.0, 1.4, 1.5)
    answers.note(UNANSWERED, 2.0, 2.0, 2.0)
    assert answers.statuses == {200: 3, 429: 1, UNANSWERED: 1}
    assert answers.settled == 5
    assert answers.latencies_ms(200) == pytest.approx([300] * 3)
    assert answers.latencies_ms(200, 1.0, 2.0) == pytest.approx([300])
    assert answers.waited_ms(200) == pytest.approx([200] * 3)
    assert sorted(answers.late_ms()) == pytest.approx([0, 100, 100, 100, 400])
    assert answers.latencies_ms(503) == answers.waited_ms(503) == []


def test_without_an_answer_nobody_was_late() -> None:
    assert Answers().late_ms() == []
