"""The blocks of the project's pages: which of them ask the service, and what they say that it answers."""

import re
from dataclasses import dataclass
from functools import cache

from serve_app.settings import PROJECT_ROOT

PAGES = (
    "README.md",
    "README.es.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in sorted((PROJECT_ROOT / "docs").glob("*.md"))),
    "edge_client/README.md",
    "edge_client/README.es.md",
)
SERVICE = "127.0.0.1:8000"
ANY = "…"
# What differs from one request to the next, whatever number a page shows.
VARYING = re.compile(r'"(elapsed_ms)":[\d.]+')


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str

    @property
    def asks(self) -> bool:
        """Whether running it asks the service: a curl command, or a program."""
        return SERVICE in self.text and (self.language == "python" or "curl " in self.text)

    @property
    def commands(self) -> list[str]:
        """The commands of a bash block, without comments, continued lines and here-documents joined."""
        text = re.sub(r"<<'(\w+)'\n.*?^\1$", "", self.text, flags=re.DOTALL | re.MULTILINE).replace("\\\n", " ")
        lines = (re.sub(r"(^|\s+)# .*", "", line).strip() for line in text.splitlines())
        return [line for line in lines if line]


def read_page(page: str) -> str:
    """The text of a page."""
    return (PROJECT_ROOT / page).read_text()


def list_anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^( *)```.*?^\1```", "", read_page(page), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def list_blocks(page: str) -> tuple[Block, ...]:
    """The fenced blocks of a page in their order, those of its lists as well."""
    text = read_page(page)
    found = re.findall(r"^( *)```(\w+)\n(.*?)^\1```", text, flags=re.DOTALL | re.MULTILINE)
    return tuple(
        Block(language, re.sub(f"^{indent}", "", body, flags=re.MULTILINE)) for indent, language, body in found
    )


def list_shown_answers(block: Block) -> list[str]:
    """The answers that a block shows: a JSON block is one, a program has them in its comments."""
    if block.language == "json":
        return [re.sub(r"\n *", "", block.text.strip())]
    return re.findall(r"# (\{.*\})$", block.text, flags=re.MULTILINE)


def is_shown(shown: str, real: str) -> bool:
    """Whether a real answer is the shown one, where ``…`` stands for anything and times are what they are."""
    varying = VARYING.sub(rf'"\1":{ANY}', shown)
    return re.fullmatch(".*?".join(map(re.escape, varying.split(ANY))), real.strip(), flags=re.DOTALL) is not None
