"""A run on Ray Train: as many workers as the settings ask for, each a process with a GPU of its own if there are any.

The cluster is that of `RAY_ADDRESS`, or one that is started here for as long as the run takes. Rows, clips and the
run's folder must be on storage that every machine sees under the same path. A worker that dies takes the others with
it; Ray starts them again up to `max_failures` times, and they go on from the last checkpoint.
"""

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from earwitness.config import convert
from earwitness.errors import EarwitnessError, EngineFailure, NotReady
from services.trainer import curve
from services.trainer.curve import Point
from services.trainer.session import Job, tree_of, work

LOOK_S = 0.5


def train(job: Job, show: Callable[[Point], None]) -> None:
    """Trains; shows every step, read from the curve that the first worker writes.

    Raises NotReady where Ray Train or the GPUs are missing, and what a worker raised, or EngineFailure where one died.
    """
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
        from ray.train.v2.api.exceptions import TrainingFailedError, WorkerGroupError
    except ImportError as error:
        raise NotReady(f"Ray Train is not installed: {error}", "workers", "pip install 'ray[train]'") from None
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        gpus = _gpus(ray, job)
        trainer = TorchTrainer(
            _work,
            train_loop_config=tree_of(job),
            torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
            scaling_config=ScalingConfig(num_workers=job.config.workers, use_gpu=gpus),
            run_config=RunConfig(
                name=str(job.card["run"]),
                storage_path=str(job.out / "ray"),
                failure_config=FailureConfig(max_failures=job.config.max_failures),
            ),
        )
        with _followed(job.out / "curve.jsonl", show):
            trainer.fit()
    except WorkerGroupError as error:
        raise _cause(error) from None
    except TrainingFailedError as error:
        raise EngineFailure(f"Ray Train gave up: {error}", "workers") from None
    finally:
        if started:
            ray.shutdown()


def _work(tree: dict[str, Any]) -> None:
    """Is what every worker runs."""
    from ray import train as ray_train

    from services.trainer.world import World, device_of

    job = convert(Job, tree)
    context = ray_train.get_context()
    device = device_of(job.config.device)
    world = World(rank=context.get_world_rank(), size=context.get_world_size(), device=device)
    work(job, world, lambda point: None, logging.getLogger(__name__).warning)


def _gpus(ray: Any, job: Job) -> bool:
    """Says whether each worker gets a GPU; raises NotReady where they are wanted and too few."""
    there = cast(dict[str, float], ray.cluster_resources()).get("GPU", 0.0)
    if job.config.device == "cuda" and there < job.config.workers:
        raise NotReady(f"the cluster has {there:g} GPUs for {job.config.workers} workers", "workers", "ask for fewer")
    return job.config.device != "cpu" and there >= job.config.workers


@contextmanager
def _followed(path: Path, show: Callable[[Point], None]) -> Generator[None]:
    """Shows the points that are added to a curve until the block is left."""
    done = threading.Event()

    known = path.stat().st_ino if path.is_file() else 0  # of an earlier start, which the first worker replaces

    def follow() -> None:
        offset, last, over = 0, -1, False
        while not over:
            over = done.wait(LOOK_S)
            if not path.is_file() or path.stat().st_ino == known:
                continue
            points, offset = curve.read_on(path, offset)
            for point in points:
                if point.step > last:
                    show(point)
                    last = point.step

    thread = threading.Thread(target=follow, name="curve", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _cause(error: Any) -> EarwitnessError:
    """Returns our own error among those of the workers, since one that lost its peer says nothing of use."""
    failures: list[BaseException] = list(error.worker_failures.values())
    seen: list[BaseException] = []
    while failures:
        failure = failures.pop()
        seen.append(failure)
        failures += [each for each in (failure.__cause__, getattr(failure, "cause", None)) if each is not None]
    for failure in seen:
        if isinstance(failure, EarwitnessError):
            return failure
    said = " ".join(f"{type(seen[-1]).__name__}: {seen[-1]}".split())
    return EngineFailure(f"a worker died: {said[-300:]}", "workers", "see Ray's logs")
