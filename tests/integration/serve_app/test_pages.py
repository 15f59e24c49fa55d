"""The pages /shots and /docs: their files, and what a browser makes of them."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from serve_app.api.application import ROUTES
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.docs.openapi import build_document
from serve_app.api.pages.endpoint import DOCS_WORDS, FOLDER, MEDIA_TYPES, VIEWER
from serve_app.shots.advice import LANGUAGES
from testkit.browser import Tab, another_tab, chromium, find_browser
from testkit.stages.local_stages import local_client, serving

DEADLINE_S = 60
FILES = {
    "docs.css",
    "docs.js",
    "home.css",
    "shots.css",
    "shots.js",
    "shots_answer.js",
    "shots_draw.js",
    "shots_words.js",
}
VIEWER_FILES = {"swagger-ui.css", "swagger-ui-bundle.js"}


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "files"), [("shots", 2), ("docs", 4)])
async def test_every_file_of_the_page_is_served_with_its_type(repository: Path, name: str, files: int) -> None:
    async with asyncio.timeout(20), local_client(repository) as client:
        page = await client.get(f"/{name}")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        wanted = re.findall(rf'(?:href|src)="({name}/[^"]+)"', page.text)
        assert len(wanted) == files
        for path in wanted:
            file = await client.get(f"/{path}")
            assert file.status_code == 200
            assert file.headers["content-type"].startswith(MEDIA_TYPES[Path(path).suffix])
            cached = path.removeprefix(f"{name}/") in VIEWER_FILES
            assert file.headers["cache-control"] == ("private, max-age=86400" if cached else "no-cache")


@pytest.mark.anyio
async def test_nothing_but_the_pages_files_is_served(repository: Path) -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, "home.html", "shots.html", "docs.html"}
    notes = {"LICENSE", "NOTICE", "README.md", "swagger-ui-bundle.js.LICENSE.txt"}
    assert {path.name for path in VIEWER.iterdir()} == {*VIEWER_FILES, *notes}

    async with asyncio.timeout(20), local_client(repository) as client:
        for name in ("other.js", "..%2Fsettings.py", "%00.js", "x" * 2000, "shots.html", "docs.html", "LICENSE"):
            assert (await client.get(f"/shots/{name}")).status_code == 404


def test_every_word_is_there_in_both_languages() -> None:
    words = (FOLDER / "shots_words.js").read_text()
    spanish, english = words.split("en: {")
    used = set(re.findall(r'data-word="(\w+)"', (FOLDER / "shots.html").read_text()))
    for half in (spanish, english):
        assert used <= set(re.findall(r"(\w+): \"", half))


async def dumped(repository: Path, browser: str, profile: Path, page: str) -> str:
    """A page's document after the browser ran it, from a service on a port of its own."""
    async with serving(repository) as url:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        flags += ["--lang=en", f"--user-data-dir={profile}", "--virtual-time-budget=8000", "--dump-dom"]
        child = await asyncio.create_subprocess_exec(
            *(browser, *flags, f"{url}/{page}"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            out, _ = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
        return out.decode()


def dump_document(page: str, repository: Path, profile: Path) -> str:
    """A page as Chromium has it after its scripts ran."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")

    async def story() -> str:
        async with asyncio.timeout(DEADLINE_S):
            return await dumped(repository, browser, profile, page)

    return asyncio.run(story())


def test_a_browser_shows_the_example_judged(repository: Path, tmp_path: Path) -> None:
    document = dump_document("shots#example", repository, tmp_path / "profile")
    assert re.search(r"<div>\d+ ms<small>delay</small></div>", document)
    assert 1 <= document.count("<meter") <= 4
    assert "1/20  0.000 s" in document
    assert '<p id="message" role="status"></p>' in document


def test_the_routes_are_introduced_in_the_same_words_in_both_languages() -> None:
    assert set(DOCS_WORDS) == set(LANGUAGES)
    assert set(DOCS_WORDS["es"]) == set(DOCS_WORDS["en"])


@pytest.mark.anyio
@pytest.mark.parametrize(("accept_language", "language"), [("", "es"), ("en-GB", "en"), ("es;q=0.1, fr", "es")])
async def test_the_routes_are_introduced_in_the_visitors_language(
    repository: Path, accept_language: str, language: str
) -> None:
    async with asyncio.timeout(20), local_client(repository) as client:
        page = await client.get("/docs", headers={"Accept-Language": accept_language})
        assert page.headers["content-language"] == language
        assert f'<html lang="{language}">' in page.text
        other = re.findall(r'href="(docs\?lang=\w+)"', page.text)
        assert f'<html lang="{language}">' not in (await client.get(f"/{other[0]}")).text


# What a page's policy refuses, and every error of its scripts.
WATCH = """
window.troubles = [];
addEventListener("securitypolicyviolation", (event) => troubles.push(event.violatedDirective + event.blockedURI));
addEventListener("error", (event) => troubles.push(event.message));
"""
SIZES = {"phone": (360, 740), "desktop": (1200, 900)}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
EXPAND = ".json-schema-2020-12-property .json-schema-2020-12-expand-deep-button"
OPERATION = "document.querySelector('.opblock:has([data-path=\"/predict\"])')"


async def send_the_example(tab: Tab) -> str:
    """Open ``/predict`` and press Execute; the status that the page then shows."""
    await tab.evaluate(f"{OPERATION}.querySelector('.opblock-summary-control').click()")
    await tab.until(f"{OPERATION}.querySelector('textarea')?.value.includes('sequence')")
    await tab.evaluate("document.querySelector('.execute').click()")
    shown = "document.querySelector('.live-responses-table .response .response-col_status')"
    await tab.until(shown)
    return str(await tab.evaluate(f"{shown}.innerText")).split()[0]


@pytest.mark.anyio
@pytest.mark.parametrize(("keys", "slash"), [((), ""), ((), "/"), (("a-key",), "")], ids=["plain", "slash", "keys"])
async def test_a_browser_shows_every_route_with_an_example_to_send(
    repository: Path, tmp_path: Path, keys: tuple[str, ...], slash: str
) -> None:
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium is installed")
    profile = tmp_path / "profile"
    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository, ApiKeyStore(keys)) as url,
        chromium(browser, profile, "about:blank"),
        another_tab(profile, WATCH) as tab,
    ):
        await tab.call("Page.navigate", url=f"{url}/docs{slash}")
        if keys:
            await tab.until("document.querySelector('#key')")
            await tab.evaluate("document.querySelector('#key').value = 'a-key'; document.forms[0].submit()")
        await tab.until("document.body.dataset.ready == 'yes' && document.querySelector('.opblock')")
        listed = await tab.evaluate("[...document.querySelectorAll('[data-path]')].map((each) => each.dataset.path)")
        operations = build_document(ROUTES)["paths"].items()
        assert sorted(listed) == sorted(path for path, methods in operations for _method in methods)
        assert await tab.evaluate("Boolean(document.querySelector('.authorize'))") == bool(keys)
        assert await send_the_example(tab) == "200"
        await tab.evaluate(f"{OPERATION}.querySelector('button[data-name=model]').click()")
        await tab.until(f"{OPERATION}.innerText.includes('array<array<number>>')")
        await tab.evaluate(f"{OPERATION}.querySelector('{EXPAND}').click()")
        await tab.until(f"{OPERATION}.innerText.includes('T frames of F numbers')")
        for size, (width, height) in SIZES.items():
            mobile = size == "phone"
            await tab.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
            )
            for scheme in ("light", "dark"):
                await tab.call(
                    "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
                )
                await tab.until(f"document.documentElement.classList.contains('dark-mode') == {int(scheme == 'dark')}")
                assert await tab.evaluate(OVERFLOW) <= 0, (size, scheme)
                (tmp_path / f"{size}-{scheme}.png").write_bytes(await tab.picture())  # for people to look at
        assert await tab.evaluate("troubles") == []


def film(*, rounds: int = 1, slow: float = 1.0) -> dict[str, Any]:
    """The example's shot as a keypoints file: played as often, each time back and forth, and that many times slower."""
    document = build_document(ROUTES)["paths"]["/analyze"]["post"]
    frames = document["requestBody"]["content"]["application/json"]["example"]["frames"]
    played = ([*frames, *frames[::-1]] * rounds)[: -len(frames)]
    step = (frames[1]["time_sec"] - frames[0]["time_sec"]) * slow
    return {"frames": [frame | {"index": at, "time_sec": round(at * step, 4)} for at, frame in enumerate(played)]}


OPEN = """
(() => {{
  const data = new DataTransfer();
  data.items.add(new File([JSON.stringify({film})], "clip.json", {{type: "application/json"}}));
  get = (id) => document.getElementById(id);
  get("file").files = data.files;
  get("file").dispatchEvent(new Event("change"));
}})()
"""
PRESS = "document.querySelectorAll('.shots button')[{number}].focus(), document.activeElement.click()"
CHOOSE = "(get('{id}').value = '{value}', get('{id}').dispatchEvent(new Event('change')))"
CURRENT = "document.querySelector('.shots [aria-current]')"
TEXT = "get('answer').innerText"
WIDEST = "document.querySelectorAll('.bar:not(.unseen) b').forEach((each) => each.textContent = '100 %')"
LINE_HEIGHTS = "[...document.querySelectorAll('.bar:not(.unseen) b')].map((each) => each.offsetHeight)"


@pytest.mark.anyio
async def test_a_browser_shows_the_shots_of_a_clip_and_what_is_not_seen(repository: Path, tmp_path: Path) -> None:
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium is installed")
    profile = tmp_path / "profile"
    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository) as url,
        chromium(browser, profile, "about:blank"),
        another_tab(profile, WATCH) as tab,
    ):
        await tab.call("Page.navigate", url=f"{url}/shots")
        await tab.until("document.querySelector('#play')?.textContent == 'Play'")
        await tab.evaluate(OPEN.format(film=json.dumps(film(rounds=2, slow=2))))
        await tab.until("get('clock').textContent.startsWith('1/60')")
        await check_keys(tab)
        await tab.evaluate("get('analyse').click()")
        await tab.until("document.querySelectorAll('.shots button').length == 2")
        await check_choices(tab)
        for language, (not_seen, reason, hand) in {
            "en": ("not seen", "the camera is at the side", "right, sure to 100"),
            "es": ("no se ve", "la cámara está al lado", "derecha, seguro al 100"),
        }.items():
            if language == "es":
                await tab.evaluate("get('language').click()")
            await tab.until(f"{TEXT}.includes('{reason}')")
            text = str(await tab.evaluate(TEXT))
            assert text.count(reason) == 1  # beside its label, and not again among the doubts
            assert hand in text
            assert "undefined" not in text
            unseen = await tab.evaluate("document.querySelector('.bar.unseen').innerText")
            assert not_seen in unseen
            assert "%" not in unseen
            assert "?" not in unseen
            assert await tab.evaluate("document.querySelectorAll('.angles tr').length") == 7
            for size, (width, height) in SIZES.items():
                await tab.call(
                    "Emulation.setDeviceMetricsOverride",
                    width=width,
                    height=height,
                    deviceScaleFactor=1,
                    mobile=size == "phone",
                )
                await tab.evaluate(WIDEST)
                assert max(await tab.evaluate(LINE_HEIGHTS)) < 30, (size, language)
                assert await tab.evaluate(OVERFLOW) <= 0, (size, language)
                if size == "phone":
                    await tab.evaluate("get('analyse').scrollIntoView()")
                (tmp_path / f"{size}-{language}.png").write_bytes(await tab.picture())  # for people to look at
        assert await tab.evaluate("troubles") == []


async def check_keys(tab: Tab) -> None:
    """Step through the frames with the arrow keys, and play with the space bar."""
    for key, clock in (("ArrowRight", "2/60"), ("ArrowRight", "3/60"), ("ArrowLeft", "2/60")):
        await tab.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        await tab.until(f"get('clock').textContent.startsWith('{clock}')")
    for word in ("Pause", "Play"):
        await tab.call("Input.dispatchKeyEvent", type="keyDown", key=" ", text=" ")
        await tab.until(f"get('play').textContent == '{word}'")


async def check_choices(tab: Tab) -> None:
    """Choose the second shot, slow motion and a hand; each is asked of the service."""
    await tab.until(f"{CURRENT}.innerText.startsWith('Shot 1')")
    await tab.evaluate(PRESS.format(number=1))
    await tab.until(f"{CURRENT}.innerText.startsWith('Shot 2')")
    assert await tab.evaluate(f"document.activeElement == {CURRENT}")
    assert await tab.evaluate("Number(get('release').value)") == pytest.approx(3.483, abs=0.01)
    before = await tab.evaluate("document.querySelector('.figures').innerText")
    await tab.evaluate(CHOOSE.format(id="speed", value=2))
    await tab.until(f"document.querySelector('.figures').innerText != {json.dumps(before)}")
    assert await tab.evaluate(f"{CURRENT}.innerText.startsWith('Shot 2')")
    await tab.evaluate(CHOOSE.format(id="hand", value="left"))
    await tab.until("get('message').innerText.includes('the left arm is seen in no frame')")
    await tab.evaluate(CHOOSE.format(id="hand", value="right"))
    await tab.until(f"{TEXT}.includes('right, sure to 100')")
