"""From recordings to a live model: a training job beside the service, on the service's own cluster."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from serve_app.settings import PROJECT_ROOT
from testkit.load import EXAMPLE, constant_load
from testkit.service import RunningService
from training import simulate, simulate_shots
from training.engine.checkpoints import read_checkpoint
from training.synthetic.hands import GESTURES

pytestmark = pytest.mark.e2e

LIVE_WITHIN_S = 10
MODULE = (sys.executable, "-m")


def run(service: RunningService, *command: str) -> "subprocess.CompletedProcess[str]":
    """A command as a person types it, with the cluster named: other ones may run on a machine that tests."""
    environment = service.environment | {"RAY_ADDRESS": service.dashboard()}
    environment |= {"HELEN_JOB_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    if "No available agent to submit job" in done.stderr:
        pytest.skip("another Ray cluster on this machine holds the port through which a cluster takes jobs (52365)")
    return done


@pytest.mark.anyio
async def test_a_job_trains_beside_the_service_and_its_model_goes_live_without_a_failed_request(
    service: RunningService, tmp_path: Path
) -> None:
    simulate.main(["--output", str(tmp_path / "made"), "--windows", "8"])
    storage, model = tmp_path / "run", tmp_path / "model"
    job = ("deploy/train_job.sh", "--data_dir", str(tmp_path / "made"), "--storage_path", str(storage))
    export = ("training.export_onnx", "--checkpoint", str(storage / "best.ckpt"), "--output", str(model / "model.onnx"))
    publish = ("training.publish", "--model", str(model), "--repository", str(service.repository), "--replace-labels")

    async with constant_load(service.url, clients=2) as load:
        await load.until_version("1", 10)
        trained = await asyncio.to_thread(run, service, *job, "--max_epochs", "3")
        assert trained.returncode == 0, trained.stdout + trained.stderr
        for command in ((*export, "--name", "gesture"), publish):
            done = await asyncio.to_thread(run, service, *MODULE, *command)
            assert done.returncode == 0, done.stderr
        await load.until_version("2", LIVE_WITHIN_S)
        answer = await asyncio.to_thread(httpx.post, f"{service.url}/predict", json=EXAMPLE, timeout=30)
        assert answer.json()["prediction"] in GESTURES
        shutil.rmtree(service.repository / "gesture" / "2")  # the other tests expect version 1
        load.forget_versions()
        await load.until_version("1", LIVE_WITHIN_S)
    said = trained.stdout
    assert "epoch 3/3" in said, "the job's log did not stream"
    assert set(load.statuses) == {200}, load.statuses


def test_a_job_trains_the_shot_network_too(service: RunningService, tmp_path: Path) -> None:
    simulate_shots.main(["--output", str(tmp_path / "made"), "--shots", "8", "--val_shots", "4"])
    flags = ("--data_dir", str(tmp_path / "made"), "--storage_path", str(tmp_path / "run"), "--max_epochs", "1")
    trained = run(service, "deploy/train_job.sh", "training.train_tcn", *flags)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert "best.ckpt: validation loss" in trained.stdout, "the job's log did not stream"
    training = read_checkpoint(tmp_path / "run" / "best.ckpt").metadata.training
    assert training.split == "the data's own: 8 windows to train, 4 to choose the epoch"


def test_the_exit_code_of_a_job_that_fails_follows(service: RunningService, tmp_path: Path) -> None:
    failed = run(service, "deploy/train_job.sh", "--data_dir", str(tmp_path), "--storage_path", str(tmp_path / "run"))
    assert failed.returncode == 1
    assert "has no .npz file" in failed.stdout
