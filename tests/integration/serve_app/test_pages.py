"""The pages /shots and /docs: their files, and what a browser makes of them."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from serve_app.api.docs.openapi import DOCUMENT
from serve_app.api.pages.endpoint import FOLDER, MEDIA_TYPES
from testkit.stages.local_stages import local_client, serving

DEADLINE_S = 60


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["shots", "docs"])
async def test_every_file_of_the_page_is_served_with_its_type(repository: Path, name: str) -> None:
    async with asyncio.timeout(20), local_client(repository) as client:
        page = await client.get(f"/{name}")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        wanted = re.findall(rf'(?:href|src)="({name}/[^"]+)"', page.text)
        assert len(wanted) == 2
        for path in wanted:
            file = await client.get(f"/{path}")
            assert file.status_code == 200
            assert file.headers["content-type"].startswith(MEDIA_TYPES[path.removeprefix(f"{name}/")])


@pytest.mark.anyio
async def test_nothing_but_the_pages_files_is_served(repository: Path) -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*MEDIA_TYPES, "home.html", "shots.html", "docs.html"}

    async with asyncio.timeout(20), local_client(repository) as client:
        for name in ("other.js", "..%2Fsettings.py", "shots.html", "docs.html"):
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


def document_of(page: str, repository: Path, profile: Path) -> str:
    """A page as Chromium has it after its scripts ran."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")

    async def story() -> str:
        async with asyncio.timeout(DEADLINE_S):
            return await dumped(repository, browser, profile, page)

    return asyncio.run(story())


def test_a_browser_shows_the_example_judged(repository: Path, tmp_path: Path) -> None:
    document = document_of("shots#example", repository, tmp_path / "profile")
    assert re.search(r"<div>\d+ ms<small>delay_ms</small></div>", document)
    assert document.count("<meter") == 4
    assert "1/20  0.000 s" in document
    assert '<p id="message" role="status"></p>' in document


def test_a_browser_shows_every_route_with_an_example_to_send(repository: Path, tmp_path: Path) -> None:
    document = document_of("docs", repository, tmp_path / "profile")
    assert 'data-ready="yes"' in document, "a script of the page failed"
    operations = [path for path, methods in DOCUMENT["paths"].items() for _ in methods]
    assert re.findall(r'<code class="path">([^<]+)</code>', document) == operations
    assert "sequence: [[number, …], …]  (T frames of F numbers" in document
