"""The shipped Serve config: valid for Serve, without a key that nobody reads, and bounded as its comments say."""

import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import RayActorOptionsSchema, ServeDeploySchema

from serve_app.app import build
from serve_app.settings import FAST_PATH_FLAGS, PROJECT_ROOT, Environment, ModelSettings, ServiceArguments, resolve_path

CONFIG = PROJECT_ROOT / "serve_config.yaml"

# Serve types these as plain dictionaries too, and would take anything.
TYPED = {
    "args": ServiceArguments,
    "user_config": ModelSettings,
    "autoscaling_config": AutoscalingConfig,
    "ray_actor_options": RayActorOptionsSchema,
}


def shipped() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return config


def deployments() -> dict[str, dict[str, Any]]:
    return {deployment["name"]: deployment for deployment in shipped()["applications"][0]["deployments"]}


def unknown_keys(value: Any, annotation: Any, path: str = "") -> list[str]:
    """Paths of keys that the pydantic model behind ``annotation`` has no field for."""
    if get_origin(annotation) in (Union, types.UnionType):
        models = [part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
        annotation = models[0] if models else annotation
    if get_origin(annotation) is list and isinstance(value, list):
        (inner,) = get_args(annotation)
        return [key for index, item in enumerate(value) for key in unknown_keys(item, inner, f"{path}[{index}]")]
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel) and isinstance(value, dict)):
        return []
    found = []
    for key, inner_value in value.items():
        field = annotation.model_fields.get(key)
        if field is None:
            found.append(f"{path}.{key}")
        else:
            found += unknown_keys(inner_value, TYPED.get(key, field.annotation), f"{path}.{key}")
    return found


def test_serve_accepts_the_config_and_knows_every_key() -> None:
    ServeDeploySchema.model_validate(shipped())
    assert unknown_keys(shipped(), ServeDeploySchema) == []


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda config: config.update(proxy_loc="EveryNode"), ".proxy_loc"),
        (lambda config: config["http_options"].update(prot=1), ".http_options.prot"),
        (lambda config: config["applications"][0]["args"].update(batch=1), ".applications[0].args.batch"),
        (
            lambda config: config["applications"][0]["deployments"][0].update(max_surge=1),
            ".applications[0].deployments[0].max_surge",
        ),
        (
            lambda config: config["applications"][0]["deployments"][0]["autoscaling_config"].update(min=1),
            ".applications[0].deployments[0].autoscaling_config.min",
        ),
        (
            lambda config: config["applications"][0]["deployments"][1]["user_config"].update(pin=1),
            ".applications[0].deployments[1].user_config.pin",
        ),
    ],
)
def test_a_misspelt_key_would_be_found_wherever_it_stands(spoil: Any, key: str) -> None:
    config = shipped()
    spoil(config)
    assert unknown_keys(config, ServeDeploySchema) == [key]


def test_the_arguments_and_the_user_config_are_valid() -> None:
    ServiceArguments.model_validate(shipped()["applications"][0]["args"])
    ModelSettings.model_validate(deployments()["GestureGRU"]["user_config"])


def test_every_deployment_of_the_graph_is_in_the_config_and_no_other() -> None:
    application = build(ServiceArguments())
    bound = {"Preprocess", "GestureGRU", "ShotTCN", "Postprocess"}
    assert application._bound_deployment.name == "Preprocess"
    assert set(deployments()) == bound


def test_the_service_refuses_before_serve_does() -> None:
    arguments = ServiceArguments.model_validate(shipped()["applications"][0]["args"])
    ours = arguments.max_waiting + arguments.max_batch_size * arguments.batches_in_flight
    assert deployments()["Preprocess"]["max_ongoing_requests"] > ours


def test_a_model_replica_takes_every_batch_that_the_ingress_may_send() -> None:
    ingress, model = deployments()["Preprocess"], deployments()["GestureGRU"]
    arguments = ServiceArguments.model_validate(shipped()["applications"][0]["args"])
    assert model["max_ongoing_requests"] >= ingress["autoscaling_config"]["max_replicas"] * arguments.batches_in_flight


def test_updates_leave_no_gap_and_accepted_requests_are_answered() -> None:
    deadline = shipped()["applications"][0]["args"]["request_deadline_s"]
    for deployment in deployments().values():
        assert deployment["max_surge_percent"] == 100
        assert deployment["graceful_shutdown_timeout_s"] > deadline


def test_only_this_machine_can_reach_the_service_as_shipped() -> None:
    assert shipped()["http_options"]["host"] == "127.0.0.1"


def test_the_replicas_at_their_largest_leave_room_for_a_training_job_on_two_cores() -> None:
    shares = sum(
        deployment["ray_actor_options"]["num_cpus"] * deployment["autoscaling_config"]["max_replicas"]
        for deployment in deployments().values()
    )
    assert shares <= 1.5


def test_the_flags_of_the_fast_path_are_set_in_their_file() -> None:
    lines = (PROJECT_ROOT / "deploy" / "fastpath.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert {flag: values[flag] for flag in FAST_PATH_FLAGS} == dict.fromkeys(FAST_PATH_FLAGS, "1")


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("a.pt:b.onnx", ("a.pt", "b.onnx")),
        ("s3://bucket/models:/mnt/a.pt", ("s3://bucket/models", "/mnt/a.pt")),
        ("models:", ("models",)),
    ],
)
def test_model_paths_are_a_list_with_colons_between(
    monkeypatch: pytest.MonkeyPatch, value: str, paths: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HELEN_MODEL_PATHS", value)
    assert Environment().model_paths == paths


def test_the_default_model_paths_are_those_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELEN_MODEL_PATHS", raising=False)
    assert ":".join(Environment().model_paths[1:]) == (
        "model/models/sequence_bigru.pt:models/sequence_bigru.pt:/mnt/data/sequence_bigru.pt"
    )
    assert Environment().model_paths[0] == "models"


@pytest.mark.parametrize(
    ("path", "resolved"),
    [("models", str(PROJECT_ROOT / "models")), ("/mnt/a.pt", "/mnt/a.pt"), ("s3://b/models", "s3://b/models")],
)
def test_relative_paths_count_from_the_project(path: str, resolved: str) -> None:
    assert resolve_path(path) == resolved


def test_a_wrong_log_level_is_refused_and_case_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELEN_LOG_LEVEL", "debug")
    assert Environment().log_level == "DEBUG"
    monkeypatch.setenv("HELEN_LOG_LEVEL", "loud")
    with pytest.raises(ValueError, match="log_level"):
        Environment()


def test_the_config_names_no_path_of_a_machine() -> None:
    assert str(Path.home()) not in CONFIG.read_text()


def test_no_request_timeout_of_serve_s_cuts_live_sessions() -> None:
    assert "request_timeout_s" not in shipped()["http_options"]


def test_every_live_session_s_window_finds_room_in_the_queue() -> None:
    arguments = ServiceArguments.model_validate(shipped()["applications"][0]["args"])
    assert arguments.max_sessions <= arguments.max_waiting
    assert arguments.max_sessions + arguments.max_waiting <= deployments()["Preprocess"]["max_ongoing_requests"]
