"""What the pages promise: links lead somewhere, commands are run, both languages agree, lists name what there is."""

import re
import tomllib
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest
import yaml

from edge_client.events.home_assistant import Topics
from edge_client.settings import Actions, Mqtt, Rule, load_settings
from serve_app.api.application import ROUTES
from serve_app.api.error_handlers import HTTP_CODES
from serve_app.errors import RequestError
from serve_app.settings import PROJECT_ROOT, Environment, ModelSettings, ServiceArguments
from testkit.documents import PAGES, Block, is_shown, list_anchors, list_blocks, read_page

READMES = ("README.md", "README.es.md")
README_LINES = 150
DOCS = {
    "architecture",
    "benchmarks",
    "deploy",
    "home",
    "home.es",
    "http-api",
    "operations",
    "security",
    "stream-protocol",
    "training",
    "tuning",
}
SYSTEM = "changes the system it runs on, or needs a machine of its own"
INSTALLS = "installs packages"
DATA = "needs recordings of one's own"
# A command of a page is run against the real service (tests/e2e/test_documents.py), or it stands here with the reason.
NOT_RUN = {
    r"make serve$": "tests/e2e/test_stop.py starts the service as it does",
    r"make demo$": "service, client and screen until Ctrl-C; each has its tests",
    r"make (test|check|bench|evaluate|train)\b": "takes minutes, and runs what the tests are about",
    r"HELEN_MODEL_PATHS=\S+ make serve": "needs a checkpoint of one's own; see test_checkpoints.py",
    r"\. deploy/shell\.sh$": "tests/e2e/test_stop.py starts with it",
    r"serve (run|deploy) serve_config\.yaml$": "tests/e2e/test_stop.py does it, with ports of its own",
    r"(cd \S+ && )?(sudo|sudoedit) ": SYSTEM,
    r"cd /opt/helen$": SYSTEM,
    r"(systemctl status|journalctl) ": SYSTEM,
    r"echo .*\| sudo (tee|install)": SYSTEM,
    r"git (clone|pull|checkout) ": SYSTEM,
    r"curl -s https://helen\.example\.org": "a name that only exists here",
    r"pip install ": INSTALLS,
    r"\.venv/bin/pip install ": INSTALLS,
    r"python3 -m venv ": INSTALLS,
    r"ray (up|attach|dashboard) ": "needs an AWS account",
    r"ray get-auth-token": "tests/integration/deploy/test_ec2_cluster.py reads what it is for",
    r"export RAY_AUTH_MODE=token$": "every test that starts a cluster sets it",
    r"ray job submit ": DATA,
    r"deploy/train_job\.sh ": DATA + "; tests/e2e/test_training_job.py runs it on made ones",
    r"\.venv/bin/python -m training\.": DATA,
    r"\.venv/bin/python -m (benchmarks|tests\.fuzz)": "takes minutes; its parts have tests",
    r"\.venv/bin/python -m pytest ": "runs tests",
    r"(\.venv/bin/)?python -m edge_client record": "needs a camera",
    r"\.venv/bin/python -m edge_client (cameras|doctor|run|assets)": "needs a camera, or downloads",
    r"curl -T ana\.vocabulary": "needs a person's recordings; tests of the service put such a file",
    r"\.venv/bin/python -m edge_client teach": "needs a camera; its tests run it on a recording",
    r"export HELEN_MQTT_PASSWORD=": "a password of one's own",
    r"export HELEN_CLOUD_API_URL=": "an address in one's own network",
}
NO_ANSWER_OF_THE_SERVICE = {"edge_client/README.md", "edge_client/README.es.md"}  # they show the client's own event


def list_commands(name: str) -> list[str]:
    return [command for block in list_blocks(name) if block.language == "bash" for command in block.commands]


def list_links(name: str) -> list[tuple[str, str]]:
    """The relative links of a page, each as a path from the project's root and an anchor."""
    links = [link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", read_page(name)) if "://" not in link]
    return [(normpath(join(dirname(name), path)) if path else name, anchor) for path, _, anchor in links]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file_and_an_anchor_that_exist(name: str) -> None:
    links = list_links(name)
    assert links
    assert [path for path, _ in links if not (PROJECT_ROOT / path).exists()] == []
    anchored = [(path, anchor) for path, anchor in links if anchor]
    assert [link for link in anchored if link[1] not in list_anchors(link[0])] == []


def test_every_page_of_the_documentation_is_there_and_linked() -> None:
    assert {path.stem for path in (PROJECT_ROOT / "docs").glob("*.md")} == DOCS
    linked = {path for name in PAGES for path, _ in list_links(name) if path != name}
    assert set(PAGES) - linked == set()


@pytest.mark.parametrize("name", READMES)
def test_a_readme_is_short(name: str) -> None:
    assert len(read_page(name).splitlines()) <= README_LINES


def test_the_page_of_the_http_api_names_every_route() -> None:
    spans = re.findall(r"`([^`\n]+)`", read_page("docs/http-api.md"))
    words = {word for span in spans for word in re.split(r"[\s,]+", span)}
    assert {route.path for route in ROUTES} - words == set()


def test_the_page_of_the_http_api_names_every_error_code_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", read_page("docs/http-api.md"), flags=re.MULTILINE)
    errors: list[type[RequestError]] = [RequestError, *RequestError.__subclasses__()]
    known = {(error.status, error.code) for error in errors} | set(HTTP_CODES.items())
    assert {(int(status), code) for status, code in rows} == known


def test_the_page_on_tuning_names_every_setting_of_the_service() -> None:
    page = read_page("docs/tuning.md")
    fields = {*ServiceArguments.model_fields, *ModelSettings.model_fields}
    variables = {f"HELEN_{field.upper()}" for field in Environment.model_fields}
    assert {name for name in fields | variables if f"`{name}`" not in page} == set()
    named = set(re.findall(r"`(HELEN_\w+)`", page)) - variables
    assert named == {"HELEN_JOB_CPUS", "HELEN_CLOUD_RETRIES"}


def test_the_page_on_tuning_knows_the_settings_of_the_edge_that_it_names() -> None:
    settings = tomllib.loads((PROJECT_ROOT / "edge_client" / "edge.toml").read_text())
    known = {f"{table}.{field}" for table, fields in settings.items() for field in fields}
    named = set(re.findall(r"`((?:" + "|".join(settings) + r")\.\w+)`", read_page("docs/tuning.md")))
    assert named
    assert named <= known


def test_the_page_on_operations_names_every_alert_and_no_other() -> None:
    rules = yaml.safe_load((PROJECT_ROOT / "deploy" / "prometheus-rules.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert set(re.findall(r"`(Helen[A-Z]\w+)`", read_page("docs/operations.md"))) == alerts


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_that_it_names_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT_ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {word for line in list_commands(name) for word in re.findall(r"\bmake ([a-z]+)", line)}
    assert named
    assert named <= targets


def test_both_languages_give_the_same_commands() -> None:
    assert list_commands("README.md") == list_commands("README.es.md")
    assert list_blocks("docs/home.md") == list_blocks("docs/home.es.md")


@pytest.mark.parametrize("block", [block for block in list_blocks("docs/home.md") if block.language == "toml"])
def test_the_settings_that_the_page_on_a_home_shows_are_taken(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(block.text)
    settings = load_settings(file, environment={})
    assert settings.mqtt.host or settings.actions.rules


def test_the_page_on_a_home_names_every_setting_of_actions_and_topic_of_mqtt() -> None:
    page = read_page("docs/home.md")
    assert {name for name in {*Actions.model_fields, *Rule.model_fields} if f"`{name}" not in page} == set()
    topics = Topics("helen/door")
    named = {topics.gesture, topics.last_gesture, topics.status, topics.availability}
    named |= {topics.get_state("camera"), topics.get_state("service")}
    assert set(re.findall(r"`(helen/door/\w+)`", page)) == named
    assert f"at most {Mqtt().queue} " in page


def reasons(command: str) -> list[str]:
    return [pattern for pattern in NOT_RUN if re.match(pattern, command)]


@pytest.mark.parametrize("name", PAGES)
def test_every_command_is_run_by_a_test_or_listed_with_the_reason(name: str) -> None:
    left = [block for block in list_blocks(name) if block.language == "bash" and not block.asks]
    assert [command for block in left for command in block.commands if not reasons(command)] == []


def test_no_reason_stands_for_a_command_that_no_page_has() -> None:
    used = {pattern for name in PAGES for command in list_commands(name) for pattern in reasons(command)}
    assert set(NOT_RUN) - used == set()


@pytest.mark.parametrize("name", sorted(set(PAGES) - NO_ANSWER_OF_THE_SERVICE))
def test_every_answer_stands_below_a_command_that_asks_for_it(name: str) -> None:
    asked = False
    for block in list_blocks(name):
        asked = asked or block.asks
        assert asked or block.language != "json", block.text


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ('{"a":1}', '{"a":1}\n', True),
        ('{"a":1}', '{"a":1,"b":2}', False),
        ('{"a":0.43…,"elapsed_ms":6.1}', '{"a":0.4312,"elapsed_ms":77.123}', True),
        ('{"a":0.48…}', '{"a":0.4312}', False),
        ('{"request_id":"…"}', '{"request_id":"8f0c"}', True),
        ('{"a":[1,…],"b":1}', '{"a":[1,2,3]}', False),
    ],
)
def test_an_answer_is_the_shown_one_but_for_what_varies(shown: str, real: str, same: bool) -> None:
    assert is_shown(shown, real) is same
