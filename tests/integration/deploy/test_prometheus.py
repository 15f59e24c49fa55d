"""The shipped Prometheus config, alerts and dashboard: understood by Prometheus, and about series that there are."""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.settings import PROJECT_ROOT
from testkit.load import EXAMPLE
from testkit.programs import require_program
from testkit.service import free_ports
from testkit.stages.local_stages import local_client, serving
from tests.unit.serve_app.observability.test_metrics import parse_samples

DEPLOY = PROJECT_ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
RULES = [
    rule for group in yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text())["groups"] for rule in group["rules"]
]
CONFIG = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
KEY = "metrics-key-of-this-test"
DEADLINE_S = 180

EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def parse_metric_names(expression: str) -> set[str]:
    """The service's own series in a PromQL expression."""
    return set(re.findall(r"\bhelen_\w+", expression))


async def ask_everything(client: httpx.AsyncClient, **headers: str) -> None:
    """Requests of every kind that leaves a series."""
    document = (await client.get("/openapi.json", headers=headers)).json()
    example = document["paths"]["/analyze"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert (await client.post("/analyze", json=example, headers=headers)).status_code == 200
    assert (await client.post("/predict", json=EXAMPLE, headers=headers)).status_code == 200


@pytest.mark.anyio
async def test_every_panel_and_alert_is_about_series_that_a_scrape_has(repository: Path) -> None:
    async def story() -> str:
        async with asyncio.timeout(DEADLINE_S), local_client(repository) as client:
            await ask_everything(client)
            return (await client.get("/metrics")).text

    there = set(parse_samples(await story()))
    named = {name for expression in EXPRESSIONS for name in parse_metric_names(expression)}
    assert named
    assert named - there == set()
    assert {name for rule in RULES for name in parse_metric_names(rule["expr"])} - there == set()
    # The other way: what is measured is shown, but for what only a look at one process needs.
    aside = re.compile(r"helen_process_(virtual|start|open|max)\w+|helen_\w+_(bucket|sum|count)")
    assert {name for name in there if not aside.fullmatch(name)} - named == set()


@pytest.mark.anyio
async def test_the_documentation_names_every_series_and_no_other(repository: Path) -> None:
    async def story() -> str:
        async with asyncio.timeout(DEADLINE_S), local_client(repository) as client:
            await ask_everything(client)
            return (await client.get("/metrics")).text

    families = set(re.findall(r"^# TYPE (helen_\w+)", (await story()), flags=re.MULTILINE))
    named = set(re.findall(r"\b(helen_\w+[a-z])", (PROJECT_ROOT / "docs" / "operations.md").read_text())) - {
        "helen_process"
    }
    assert named == {name for name in families if not name.startswith("helen_process_")}


def test_every_panel_has_a_title_and_a_query_and_panels_do_not_overlap() -> None:
    seen: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert panel["type"] == "row" or all(target["expr"] for target in panel["targets"])
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert cells.isdisjoint(seen), panel["title"]
        assert all(x < 24 for x, _ in cells)
        seen |= cells
        assert panel.get("datasource", {"uid": "${source}"})["uid"] == "${source}"


def test_every_alert_says_how_urgent_it_is_and_what_it_means() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule
        assert rule["annotations"]["summary"], rule
        assert rule["for"], rule


def test_the_scrape_waits_longer_than_a_stage_that_hangs_and_carries_a_key_from_a_file() -> None:
    helen = next(job for job in CONFIG["scrape_configs"] if job["job_name"] == "helen")
    assert helen["scrape_timeout"] == "10s"
    assert set(helen["authorization"]) == {"credentials_file"}
    assert helen["static_configs"][0]["targets"] == ["127.0.0.1:8000"]


def test_promtool_finds_the_alerts_right(tmp_path: Path) -> None:
    promtool = require_program("promtool")
    shutil.copy(DEPLOY / "prometheus-rules.yml", tmp_path)
    shutil.copy(Path(__file__).with_name("prometheus_rules_test.yml"), tmp_path)
    done = subprocess.run(
        [promtool, "test", "rules", "prometheus_rules_test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def shortened(tmp_path: Path, target: str) -> Path:
    """The shipped config as it stands, with another target, a key file that is there, and a scrape a second."""
    (tmp_path / "metrics.key").write_text(KEY + "\n")
    config: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    helen = config["scrape_configs"][0]
    helen["static_configs"] = [{"targets": [target]}]
    helen["scrape_timeout"] = "1s"
    helen["authorization"]["credentials_file"] = str(tmp_path / "metrics.key")
    shutil.copy(DEPLOY / "prometheus-rules.yml", tmp_path)
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextlib.asynccontextmanager
async def prometheus(config: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a Prometheus of its own that runs with ``config``."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    log = (config.parent / "prometheus.log").open("wb")
    flags = [f"--config.file={config}", f"--storage.tsdb.path={config.parent / 'data'}"]
    child = await asyncio.create_subprocess_exec(
        *(require_program("prometheus"), *flags, f"--web.listen-address={address}"), stdout=log, stderr=log
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client:
            yield client
    finally:
        child.terminate()
        await child.wait()
        log.close()


async def until(asked: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so; the test's deadline ends it."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            if await asked():
                return
        await asyncio.sleep(0.2)


@pytest.mark.anyio
async def test_a_real_prometheus_scrapes_with_the_key_and_can_draw_every_panel(
    repository: Path, tmp_path: Path
) -> None:
    require_program("prometheus")

    async with (
        asyncio.timeout(DEADLINE_S),
        serving(repository, ApiKeyStore([KEY])) as url,
        prometheus(shortened(tmp_path, url.removeprefix("http://"))) as server,
    ):

        async def query_prometheus(query: str) -> list[Any]:
            asked = await server.get("/api/v1/query", params={"query": query})
            assert asked.status_code in (200, 503), asked.text  # 503: it is still starting
            found: list[Any] = asked.json()["data"]["result"] if asked.status_code == 200 else []
            return found

        async def scraped() -> bool:
            return [sample["value"][1] for sample in await query_prometheus('up{job="helen"}')] == ["1"]

        await until(scraped)
        async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {KEY}"}) as client:
            for expression in EXPRESSIONS:
                drawn = expression.replace("$__rate_interval", "30s")

                async def has_samples(query: str = drawn) -> bool:
                    await ask_everything(client)
                    found = await query_prometheus(query)
                    return bool(found) and all(sample["value"][1] != "NaN" for sample in found)

                await until(has_samples)

        async def rules_are_evaluated() -> bool:
            rules = (await server.get("/api/v1/rules")).json()["data"]["groups"][0]["rules"]
            assert {rule["name"] for rule in rules} == {rule["alert"] for rule in RULES}
            assert "err" not in {rule["health"] for rule in rules}, rules
            return {rule["health"] for rule in rules} == {"ok"}

        await until(rules_are_evaluated)
