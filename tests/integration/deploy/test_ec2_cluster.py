"""deploy/ec2-cluster.yaml: what Ray's launcher accepts, pinned, closed to the outside, and ready to grow."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml

from serve_app.settings import PROJECT_ROOT

CONFIG: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "deploy" / "ec2-cluster.yaml").read_text())
SCHEMA = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
TYPES = CONFIG["available_node_types"]


def test_rays_own_schema_accepts_it() -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(CONFIG)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(CONFIG | {"max_wokers": 3})


def test_every_node_gets_the_pinned_ray_and_nothing_else_installs_one() -> None:
    pinned = re.search(r"^ray\[serve\]==(\S+)", (PROJECT_ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    assert pinned
    assert pinned[1] == ray.__version__
    commands = CONFIG["setup_commands"] + CONFIG["head_setup_commands"] + CONFIG["worker_setup_commands"]
    installs = [command for command in commands if "pip install" in command]
    assert any("-r ~/helen/requirements.txt" in command for command in installs)
    for command in installs:
        assert "-r " in command or re.search(r"install --quiet \S+==[\d.]+$", command), command


def test_the_head_is_never_a_spot_machine_and_workers_come_and_go() -> None:
    assert CONFIG["head_node_type"] == "head"
    assert "InstanceMarketOptions" not in TYPES["head"]["node_config"]
    assert TYPES["spot"]["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert "InstanceMarketOptions" not in TYPES["steady"]["node_config"]
    assert TYPES["spot"]["min_workers"] == 0 < TYPES["spot"]["max_workers"] <= CONFIG["max_workers"]
    for node in TYPES.values():
        assert node["node_config"]["MetadataOptions"]["HttpTokens"] == "required"
        assert all(disk["Ebs"]["Encrypted"] for disk in node["node_config"]["BlockDeviceMappings"])


def test_only_the_web_is_open() -> None:
    assert {rule["FromPort"] for rule in CONFIG["provider"]["security_group"]["IpPermissions"]} == {80, 443}
    assert all(rule["FromPort"] == rule["ToPort"] for rule in CONFIG["provider"]["security_group"]["IpPermissions"])


@pytest.mark.parametrize("name", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_every_node_starts_ray_with_the_fast_path_and_the_token(name: str) -> None:
    (start,) = [command for command in CONFIG[name] if "ray start" in command]
    assert start.startswith("set -a; . ~/helen/deploy/fastpath.env;")
    assert "~/.ray/auth_token" in CONFIG["file_mounts"].values()


def test_the_config_that_the_cluster_serves_differs_from_the_shipped_one_in_its_host_alone() -> None:
    (command,) = [each for each in CONFIG["head_start_ray_commands"] if each.startswith("sed ")]
    program = re.match(r"sed '([^']+)'", command)
    assert program
    shipped = (PROJECT_ROOT / "serve_config.yaml").read_text()
    done = subprocess.run(["sed", program[1]], input=shipped, capture_output=True, text=True, timeout=60, check=True)
    expected = yaml.safe_load(shipped)
    expected["http_options"]["host"] = "0.0.0.0"
    assert yaml.safe_load(done.stdout) == expected
