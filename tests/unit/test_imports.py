"""Who may import whom: the floors, the rooms and their size, read from the source without running it."""

import ast
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve_app.settings import PROJECT_ROOT

PACKAGES = ("landmarks", "serve_app", "edge_client", "training", "testkit", "benchmarks", "tests")
FLOORS: dict[str, set[str]] = {
    "landmarks": set(),
    "serve_app": {"landmarks"},
    "edge_client": {"landmarks"},
    "training": {"landmarks"},
    "testkit": {"landmarks", "serve_app", "edge_client", "training"},
    "benchmarks": {"landmarks", "serve_app", "edge_client", "training", "testkit"},
    "tests": {"landmarks", "serve_app", "edge_client", "training", "testkit", "benchmarks"},
}
MAX_MODULES = 15
MAX_HEIGHT = 6


def source_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [Path(name) for name in listed if name.split("/")[0] in PACKAGES and (PROJECT_ROOT / name).exists()]


def module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in source_files()}


def imported(name: str) -> Iterator[str]:
    """Our own modules that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse((PROJECT_ROOT / MODULES[name]).read_text())):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            candidates = [f"{node.module}.{alias.name}" for alias in node.names]
            candidates = [full if full in MODULES else node.module for full in candidates]
        else:
            continue
        yield from (found for found in candidates if found in MODULES)


IMPORTS = {name: sorted(set(imported(name)) - {name}) for name in MODULES}


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of a directed graph, or nothing."""
    done: set[str] = set()
    way: list[str] = []

    def visit(node: str) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        way.append(node)
        for target in sorted(graph.get(node, ())):
            if circle := visit(target):
                return circle
        way.pop()
        done.add(node)
        return []

    for start in sorted(graph):
        if circle := visit(start):
            return circle
    return []


def rooms(package: str) -> dict[str, set[str]]:
    """Which room of a package imports which: a room is a folder, or a module that stands beside the folders."""
    graph: defaultdict[str, set[str]] = defaultdict(set)

    def room(name: str) -> str:
        return ".".join(name.split(".")[:2])

    for name, targets in IMPORTS.items():
        if name.startswith(f"{package}."):
            inside = {room(target) for target in targets if target.startswith(f"{package}.")}
            graph[room(name)] |= inside - {room(name)}
    return graph


def height(graph: dict[str, set[str]], node: str) -> int:
    return 1 + max((height(graph, target) for target in graph.get(node, ())), default=0)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_stands_below_it(package: str) -> None:
    allowed = FLOORS[package] | {package}
    wrong = [
        f"{name} imports {target}"
        for name, targets in IMPORTS.items()
        if name.split(".")[0] == package
        for target in targets
        if target.split(".")[0] not in allowed
    ]
    assert wrong == []


def test_no_module_is_in_a_circle() -> None:
    assert find_circle({name: set(targets) for name, targets in IMPORTS.items()}) == []


@pytest.mark.parametrize("package", ["landmarks", "serve_app", "edge_client", "training"])
def test_no_room_is_in_a_circle_and_a_package_has_at_most_six_floors(package: str) -> None:
    graph = rooms(package)
    assert find_circle(graph) == []
    assert max(height(graph, room) for room in graph) <= MAX_HEIGHT


def test_no_folder_holds_more_modules_than_a_person_keeps_in_mind() -> None:
    folders: defaultdict[Path, int] = defaultdict(int)
    for path in MODULES.values():
        folders[path.parent] += path.name != "__init__.py"
    assert {str(folder): count for folder, count in folders.items() if count > MAX_MODULES} == {}
