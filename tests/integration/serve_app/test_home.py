"""The page at ``/``: what it says is served, in both languages and any state, and what a browser makes of it."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from serve_app.api.pages.endpoint import FOLDER
from serve_app.api.pages.home import WORDS
from serve_app.shots.advice import LANGUAGES
from testkit.browser import chromium, find_browser
from testkit.model_files import LABELS
from testkit.stages.local_stages import local_client, serving

DEADLINE_S = 60


def shown(repository: Path, path: str = "/", accept_language: str = "") -> httpx.Response:
    async def story() -> httpx.Response:
        async with asyncio.timeout(20), local_client(repository) as client:
            return await client.get(path, headers={"Accept-Language": accept_language})

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "accept_language", "language"),
    [
        ("/", "", "es"),
        ("/", "en-GB,en;q=0.9", "en"),
        ("/", "es-ES", "es"),
        ("/?lang=en", "es", "en"),
        ("/?lang=es", "en", "es"),
        ("/?lang=fr", "en", "en"),
    ],
)
def test_it_speaks_the_visitors_language(repository: Path, path: str, accept_language: str, language: str) -> None:
    answer = shown(repository, path, accept_language)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_it_says_what_is_served_and_leads_on(repository: Path) -> None:
    text = shown(repository, "/?lang=en").text
    assert f"Version 1, {len(LABELS)} gestures: {', '.join(LABELS)}." in text
    assert "The kinematic rules, without a model." in text
    assert 'class="state ok" role="status">Everything answers.<' in text
    assert set(re.findall(r'href="([a-z/.]+)"', text)) == {"docs/home.css", "shots", "docs", "metrics"}


def test_every_place_that_it_leads_to_answers(repository: Path) -> None:
    for path in re.findall(r'href="([^"]+)"', shown(repository).text):
        assert shown(repository, f"/{path}").status_code == 200, path


def test_without_a_model_it_says_so_and_why(tmp_path: Path) -> None:
    text = shown(tmp_path / "<nothing>", "/?lang=es").text
    assert 'class="state degraded" role="status">No todo responde: no gesture model could be loaded' in text
    assert "&lt;nothing&gt;" in text and "<nothing>" not in text
    assert "Ningún modelo todavía." in text


def test_both_languages_have_the_same_words() -> None:
    assert set(WORDS) == set(LANGUAGES)
    assert set(WORDS["es"]) == set(WORDS["en"])


def colours(dark: bool) -> dict[str, str]:
    pairs = re.findall(r"--(\w+): light-dark\((#\w+), (#\w+)\)", (FOLDER / "home.css").read_text())
    return {name: pair[dark] for name, *pair in pairs}


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast of two colours."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_every_colour_of_text_stands_out(dark: bool) -> None:
    of = colours(dark)
    for text in ("ink", "quiet", "accent", "good"):
        for ground in ("ground", "card"):
            assert contrast(of[text], of[ground]) >= 4.5, (text, ground)
    assert min(contrast(of["line"], of[ground]) for ground in ("ground", "card")) >= 3


SIZES = {"phone": (320, 640), "desktop": (1200, 900)}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.anyio
async def test_it_fits_a_phone_of_320_pixels_and_a_desktop(repository: Path, tmp_path: Path) -> None:
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium is installed")
    pictures: dict[str, bytes] = {}

    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository) as url,
        chromium(browser, tmp_path / "profile", f"{url}/?lang=es") as tab,
    ):
        await tab.until("document.querySelector('dl')")
        for size, (width, height) in SIZES.items():
            await tab.call(
                "Emulation.setDeviceMetricsOverride",
                **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"},
            )
            for language in LANGUAGES:
                for scheme in ("light", "dark"):
                    await tab.call(
                        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
                    )
                    address = f"?lang={language}&shown={size}-{scheme}"
                    await tab.evaluate(f"location.href = '/{address}'")
                    await tab.until(f"location.search == '{address}' && document.readyState == 'complete'")
                    assert await tab.evaluate("document.documentElement.lang") == language
                    assert await tab.evaluate(OVERFLOW) <= 0, (size, language)
                    ground = await tab.evaluate("getComputedStyle(document.body).backgroundColor")
                    assert ground == {"light": "rgb(246, 245, 242)", "dark": "rgb(22, 24, 28)"}[scheme]
                    pictures[f"{size}-{language}-{scheme}"] = await tab.picture()
    for name, picture in pictures.items():  # for people to look at
        (tmp_path / f"{name}.png").write_bytes(picture)
