"""A browser where keys are wanted: the form, the cookie, and what neither of them lets in."""

import asyncio
from pathlib import Path

import pytest

from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.auth.login_page import MAX_FORM_BYTES
from testkit.browser import Tab, chromium, find_browser
from testkit.stages.local_stages import local_client, serving

KEYS = ("first-key", "clé deux;%")
PAGE = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
DEADLINE_S = 120


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/shots", "/docs", "/nowhere"])
async def test_a_browser_without_a_key_gets_the_form_and_a_program_json(repository: Path, path: str) -> None:
    async with asyncio.timeout(30), local_client(repository, KEYS) as client:
        form = await client.get(path, headers=PAGE)
        assert form.status_code == 401
        assert form.headers["content-type"].startswith("text/html")
        assert '<form method="post">' in form.text
        assert 'role="alert"' not in form.text
        assert "default-src 'none'" in form.headers["content-security-policy"]
        assert form.headers["referrer-policy"] == "same-origin", "the form would come with the Origin null"
        assert (await client.get(path)).json()["code"] == "unauthorized"


@pytest.mark.anyio
@pytest.mark.parametrize("key", KEYS)
async def test_a_key_in_the_form_opens_the_page_and_its_files_for_that_browser(repository: Path, key: str) -> None:
    async with asyncio.timeout(30), local_client(repository, KEYS) as client:
        answer = await client.post("/shots", headers=PAGE, data={"key": key})
        assert (answer.status_code, answer.headers["location"]) == (303, "shots")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
        assert "expires" not in cookie.lower() and "max-age" not in cookie.lower()
        for path in ("/shots", "/shots/shots.js", "/metadata"):
            assert (await client.get(path)).status_code == 200
        client.cookies.clear()
        assert (await client.get("/shots/shots.js")).status_code == 401


@pytest.mark.anyio
async def test_behind_tls_the_cookie_stays_there(repository: Path) -> None:
    async with asyncio.timeout(30), local_client(repository, KEYS) as client:
        for url, secure in (("https://helen/shots", True), ("http://helen/shots", False)):
            answer = await client.post(url, headers=PAGE, data={"key": KEYS[0]})
            assert ("Secure" in answer.headers["set-cookie"]) == secure


@pytest.mark.anyio
@pytest.mark.parametrize(
    "form", [{"key": "first-ke"}, {"key": ""}, {"other": "first-key"}, {"key": "first-key", "pad": "x" * 5000}]
)
async def test_what_is_no_key_gets_the_form_again(repository: Path, form: dict[str, str]) -> None:
    assert MAX_FORM_BYTES < 5000

    async with asyncio.timeout(30), local_client(repository, KEYS) as client:
        answer = await client.post("/shots", headers=PAGE, data=form)
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.anyio
async def test_a_cookie_with_a_key_that_went_is_refused_and_a_header_counts_first(repository: Path) -> None:
    async with asyncio.timeout(30), local_client(repository, KEYS) as client:
        old = {"Cookie": "helen_key=gone"}
        assert (await client.get("/metadata", headers=old)).status_code == 403
        assert (await client.get("/shots", headers=old | PAGE)).status_code == 403
        assert (await client.get("/metadata", headers=old | {"X-API-Key": KEYS[0]})).status_code == 200
        good = {"Cookie": f"helen_key={KEYS[0]}"}
        assert (await client.get("/metadata", headers=good | {"X-API-Key": "wrong"})).status_code == 403


@pytest.mark.anyio
async def test_a_program_cannot_sign_in_by_form(repository: Path) -> None:
    async with asyncio.timeout(30), local_client(repository, KEYS) as client:
        answer = await client.post("/shots", data={"key": KEYS[0]})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def sign_in(tab: Tab, key: str) -> None:
    await tab.until("document.querySelector('#key')")
    await tab.evaluate(f"document.querySelector('#key').value = '{key}'; document.querySelector('form').submit()")


@pytest.mark.anyio
async def test_somebody_types_a_key_and_has_the_example_judged(repository: Path, tmp_path: Path) -> None:
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium is installed")
    pictures: dict[str, bytes] = {}

    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository, ApiKeyStore(KEYS)) as url,
        chromium(browser, tmp_path / "profile", f"{url}/shots") as tab,
    ):
        await sign_in(tab, "wrong")
        await tab.until("document.querySelector('.bad')")
        pictures["refused"] = await tab.picture()
        await sign_in(tab, KEYS[0])
        await tab.until("document.querySelector('#example')?.textContent")
        await tab.evaluate("document.querySelector('#example').click()")
        await tab.until("document.querySelectorAll('meter').length >= 1")
        assert await tab.evaluate("document.cookie") == ""
        assert await tab.evaluate("document.querySelector('#message').textContent") == ""
        pictures["judged"] = await tab.picture()
    for name, picture in pictures.items():  # for people to look at
        (tmp_path / f"{name}.png").write_bytes(picture)
