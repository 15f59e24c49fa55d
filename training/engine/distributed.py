"""A training run spread over the workers of Ray Train: Lightning's loop, Ray's processes.

A training command uses it with ``--num_workers`` above 1, in a Ray job, beside a running cluster or with none: Ray
then starts one on this machine for as long as the run takes. One worker needs none of this.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.lightning import RayDDPStrategy, RayLightningEnvironment
from ray.train.torch import TorchConfig, TorchTrainer

LOWEST_PRIORITY: Final = 19
MAX_FAILURES: Final = 2


def run_distributed(
    train: Callable[[Mapping[str, Any]], None], *, num_workers: int, cpus_per_worker: float, storage: str
) -> None:
    """Run ``train`` in every worker, each with keyword arguments for its Lightning trainer.

    A worker that dies takes the others down; all start again, at most twice, from the run's last checkpoint.

    Args:
        train: one worker's run; it must resume by itself where the run has a checkpoint.
        num_workers: processes; with a cluster of several machines they land where CPUs are free.
        cpus_per_worker: Ray's shares for each, which is what waits for a free place; not a cap.
        storage: folder or URI that every machine reaches; Ray keeps the state of the workers under ``workers``.
    """

    def worker() -> None:
        os.nice(LOWEST_PRIORITY - os.nice(0))  # a service on the same machine goes first
        strategy, environment = RayDDPStrategy(), RayLightningEnvironment()  # type: ignore[no-untyped-call]
        train({"strategy": strategy, "plugins": [environment], "devices": "auto"})

    if not ray.is_initialized():
        # The cluster may have been started from another environment, one without torch.
        ray.init(runtime_env={"py_executable": sys.executable})
    TorchTrainer(
        worker,
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=num_workers, resources_per_worker={"CPU": cpus_per_worker}),
        run_config=RunConfig(
            storage_path=storage, name="workers", failure_config=FailureConfig(max_failures=MAX_FAILURES)
        ),
    ).fit()
