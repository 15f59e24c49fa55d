"""The README's promises that a test can keep: its files exist, its commands are targets, both languages agree."""

import re

import pytest

from serve_app.settings import PROJECT_ROOT

READMES = ("README.md", "README.es.md")
PAGES = (*READMES, *(f"docs/{path.name}" for path in sorted((PROJECT_ROOT / "docs").glob("*.md"))))


def text_of(name: str) -> str:
    return (PROJECT_ROOT / name).read_text()


def blocks_of(name: str) -> list[str]:
    """The commands of a README, without their comments."""
    blocks = re.findall(r"```bash\n(.*?)```", text_of(name), flags=re.DOTALL)
    return [re.sub(r" +# .*", "", line) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_it_links_exists(name: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text_of(name)) if "://" not in link]
    assert links or name.startswith("docs/")
    assert [link for link in links if not (PROJECT_ROOT / name).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_that_it_names_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT_ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {word for line in blocks_of(name) for word in re.findall(r"\bmake ([a-z]+)", line)}
    assert named
    assert named <= targets


def test_both_languages_give_the_same_commands() -> None:
    assert blocks_of("README.md") == blocks_of("README.es.md")
