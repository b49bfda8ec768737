"""Workers that hold the whole model each, and all-reduce their gradients: Ray Train's TorchTrainer.

https://docs.ray.io/en/latest/train/getting-started-pytorch.html
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from penstock.handoff import ATTEMPT_VARIABLE, AttemptSpec
from penstock.train.run import RANK_VARIABLE, WORLD_SIZE_VARIABLE
from penstock.train.strategies.base import run_entrypoint


class DataParallel:
    """Starts a torch process group (NCCL on GPUs, gloo elsewhere) and runs the entrypoint on every worker."""

    def __call__(self, spec: AttemptSpec) -> None:
        """Return when every worker has ended well.

        A retry is a new attempt, which the operator starts: Ray Train's own retries are off.
        """
        import ray
        from ray.train import RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        gpus = spec.workers.gpus
        asked = {"CPU": spec.workers.cores, "GPU": gpus, "memory": spec.workers.memory_bytes}
        resources = {name: amount for name, amount in asked.items() if amount}
        ray.init(ignore_reinit_error=True, log_to_driver=True, runtime_env=_shipped(spec))
        with tempfile.TemporaryDirectory(prefix="penstock-train-") as storage:
            trainer = TorchTrainer(
                _worker,
                train_loop_config={"spec": spec.model_dump_json(by_alias=True)},
                scaling_config=ScalingConfig(
                    num_workers=spec.workers.count, use_gpu=gpus > 0, resources_per_worker=resources
                ),
                run_config=RunConfig(name=spec.run, storage_path=storage, failure_config=no_retries()),
            )
            trainer.fit()


def no_retries() -> Any:
    """Ray Train's FailureConfig by which a worker that fails, or is lost with its node, ends the attempt.

    Workers that began again in the same attempt would add their rows to those that the first ones wrote.
    """
    from ray.train import FailureConfig

    return FailureConfig(max_failures=0, max_preemption_failures=0)


def _shipped(spec: AttemptSpec) -> dict[str, Any] | None:
    """What Ray carries to the nodes of the workers: code that was fetched is on this one only.

    So every worker has the bytes that were checked here, a repository is asked once, and its token stays here.
    """
    if not spec.source.fetched:
        return None
    # All of it is code: a .gitignore in it is for who made it.
    os.environ["RAY_RUNTIME_ENV_IGNORE_GITIGNORE"] = "1"
    return {"working_dir": spec.source.path}


def _worker(config: dict[str, Any]) -> None:
    from ray import train

    context = train.get_context()
    spec = AttemptSpec.model_validate_json(config["spec"])
    if spec.source.fetched:
        # Ray puts its copy of the working_dir first; Ray Train has left it for a directory of its own.
        here = os.environ["PYTHONPATH"].split(os.pathsep)[0]
        spec = spec.model_copy(update={"source": spec.source.model_copy(update={"path": here})})
    os.environ[ATTEMPT_VARIABLE] = spec.model_dump_json(by_alias=True)
    os.environ[RANK_VARIABLE] = str(context.get_world_rank())
    os.environ[WORLD_SIZE_VARIABLE] = str(context.get_world_size())
    run_entrypoint(spec)
