"""API keys: every route but ``/health`` wants one, and any of several will do."""

import asyncio
from pathlib import Path

import pytest

from serve_app.api.auth import api_keys
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.settings import Environment
from testkit.load import EXAMPLE
from testkit.stages.local_stages import local_client

KEYS = ("first-key", "clé-deux")

CASES: list[tuple[dict[str, str], int, str]] = [
    ({}, 401, "unauthorized"),
    ({"X-API-Key": ""}, 401, "unauthorized"),
    ({"Authorization": "Basic Zmlyc3Q6a2V5"}, 401, "unauthorized"),
    ({"X-API-Key": "first-ke"}, 403, "forbidden"),
    ({"X-API-Key": "first-key,second-key"}, 403, "forbidden"),
    ({"Authorization": "Bearer nobody"}, 403, "forbidden"),
    ({"X-API-Key": "first-key"}, 200, ""),
    ({"Authorization": "Bearer first-key"}, 200, ""),
    ({"authorization": "bearer first-key"}, 200, ""),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("headers", "status", "code"), CASES)
async def test_a_request_is_answered_with_a_key_and_refused_without(
    repository: Path, headers: dict[str, str], status: int, code: str
) -> None:
    async with asyncio.timeout(10), local_client(repository, KEYS) as client:
        for answer in (
            await client.post("/predict", json=EXAMPLE, headers=headers),
            await client.get("/metadata", headers=headers),
            await client.get("/docs", headers=headers),
        ):
            assert answer.status_code == status
            if code:
                assert answer.json()["code"] == code
            assert ("www-authenticate" in answer.headers) == (status == 401)
        assert (await client.get("/health", headers=headers)).status_code == 200
        assert (await client.get("/nowhere", headers=headers)).status_code == (404 if status == 200 else status)


@pytest.mark.anyio
async def test_a_key_may_have_letters_beyond_ascii(repository: Path) -> None:
    async with asyncio.timeout(10), local_client(repository, KEYS) as client:
        answer = await client.get("/metadata", headers={b"X-API-Key": "clé-deux".encode()})
        assert answer.status_code == 200


@pytest.mark.anyio
async def test_without_keys_nobody_has_to_carry_one(repository: Path) -> None:
    async with asyncio.timeout(10), local_client(repository) as client:
        assert (await client.get("/metadata")).status_code == 200


@pytest.mark.anyio
async def test_a_key_file_that_changes_needs_no_restart(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "POLL_INTERVAL_S", 0.0)
    file = tmp_path / "keys"
    file.write_text("# nobody yet\n")

    async with asyncio.timeout(10), local_client(repository, ApiKeyStore((), file)) as client:
        headers = {"Authorization": "Bearer s3cret"}
        assert (await client.get("/metadata")).status_code == 401
        assert (await client.get("/metadata", headers=headers)).status_code == 403
        file.write_text("pi-kitchen s3cret\n")
        assert (await client.get("/metadata", headers=headers)).status_code == 200
        await client.post("/predict", json=EXAMPLE, headers=headers)
        assert 'key="pi-kitchen"' in (await client.get("/metrics", headers=headers)).text
        file.write_text("# nobody any more at all\n")
        assert (await client.get("/metadata", headers=headers)).status_code == 403


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/shots", "/docs"])
async def test_pages_let_a_browser_do_nothing_but_what_they_need(repository: Path, path: str) -> None:
    async with asyncio.timeout(10), local_client(repository) as client:
        answer = await client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "://" not in answer.text, "the page fetches something from elsewhere"
        assert "<script>" not in answer.text


@pytest.mark.anyio
async def test_other_origins_are_not_let_in(repository: Path) -> None:
    async with asyncio.timeout(10), local_client(repository) as client:
        origin = {"Origin": "https://elsewhere.example"}
        asked = await client.options("/predict", headers=origin | {"Access-Control-Request-Method": "POST"})
        assert asked.status_code == 403
        for answer in (asked, await client.post("/predict", json=EXAMPLE, headers=origin)):
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_keys_come_from_the_environment_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELEN_API_KEYS", " one, two,,")
    assert Environment().api_keys == ("one", "two")
    monkeypatch.setenv("HELEN_API_KEYS", "")
    assert Environment().api_keys == ()
