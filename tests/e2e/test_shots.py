"""A shot through the real service: the rules judge it in the postprocessing replicas."""

import httpx
import pytest

from serve_app.openapi_shots import example_shot
from tests.e2e.running_service import RunningService

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("path", ["/analyze", "/api/analyze"])
def test_a_shot_is_judged_by_the_rules_and_gets_advice_in_the_readers_language(
    service: RunningService, path: str
) -> None:
    answer = httpx.post(f"{service.url}{path}", json=example_shot(), headers={"accept-language": "es"}, timeout=30)
    assert answer.status_code == 200, answer.text
    fields = answer.json()
    assert fields["source"] == "heuristic"
    assert 0 <= fields["metrics"]["ite"] <= 100
    assert [advice["id"] for advice in fields["recommendations"]] == fields["labels"]
    assert answer.headers["content-language"] == "es"


def test_frames_without_a_shot_are_refused_in_one_sentence(service: RunningService) -> None:
    answer = httpx.post(f"{service.url}/analyze", json={"frames": []}, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_the_page_is_there(service: RunningService) -> None:
    answer = httpx.get(f"{service.url}/shots", timeout=30)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
