"""The backbone that is many: Ray Data spreads the tasks over workers, on one machine or a cluster.

Each worker talks to the LLM service, or holds a model of its own. Words and seeds of a task do not depend on who asks,
so the answers are those of one worker. The driver alone writes: what a worker had not yet handed over when the driver
was killed is asked again.
"""

import asyncio
import importlib
import logging
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import msgspec

from earwitness.conversation import Turn
from earwitness.errors import EngineFailure, InvalidInput, NotReady
from earwitness.identity import Identity
from earwitness.sampling import Generation, Sampling
from services.trainer.backbone import OnAnswer, OneBackbone
from services.trainer.reach import Reach
from services.trainer.tasks import Task, conversation, seeded

ROWS_AT_ONCE = 64
"""Tasks that a worker takes and hands back as one; each has several such batches at once."""
HERE = "local"
LISTENER_WAIT_S = 10.0
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
"""Ray's own niceness, 15, would starve a worker's model beside anything else that runs."""


class Asked(msgspec.Struct):
    """A task on its way to a worker."""

    index: int
    turns: tuple[Turn, ...]
    sampling: Sampling


class Answered(msgspec.Struct):
    """An answer on its way back, and the fingerprint of who gave it."""

    index: int
    generation: Generation
    fingerprint: str


class Worker:
    """Answers batches of tasks, several at once: Ray calls it from threads, the model is asked from one event loop.

    It connects or loads in the background and every call raises what that raised, since Ray keeps of an actor whose
    construction fails no more than the text.
    """

    def __init__(self, reach: Reach) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._opened = asyncio.run_coroutine_threadsafe(_open(reach), self._loop)

    def identity(self) -> Identity:
        """Says which model the worker asks."""
        return self._opened.result()[1]

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Answers a batch of encoded `Asked`, in its order, as encoded `Answered`."""
        asked = [msgspec.json.decode(each, type=Asked) for each in batch["asked"]]
        backbone, identity = self._opened.result()
        answered = asyncio.run_coroutine_threadsafe(_answer(backbone, identity, asked), self._loop).result()
        return {"answered": [msgspec.json.encode(each) for each in answered]}


async def _open(reach: Reach) -> tuple[OneBackbone, Identity]:
    backbone = await reach.open()
    return backbone, await backbone.identity()


async def _answer(backbone: OneBackbone, identity: Identity, asked: Iterable[Asked]) -> list[Answered]:
    async def one(each: Asked) -> Answered:
        generation = await backbone.ask(each.turns, each.sampling)
        return Answered(index=each.index, generation=generation, fingerprint=identity.fingerprint)

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(one(each)) for each in asked]
    return [call.result() for call in calls]


class RayBackbone:
    """See services.trainer.backbone.Backbone."""

    def __init__(self, reach: Reach, *, cluster: str = HERE, workers: int = 0) -> None:
        """Joins the cluster at an address, or starts one here.

        Args:
            reach: of every worker.
            cluster: an address as `ray.init` takes it, `auto` for the cluster that this machine is in, or `local`.
            workers: 0 is one for each of the cluster's GPUs, or group of GPUs, and one where it has none.

        Raises:
            NotReady: Ray Data is missing, or no cluster is there.
            InvalidInput: more workers than the cluster has room for.
        """
        try:
            ray: Any = importlib.import_module("ray")
            importlib.import_module("ray.data")
        except ModuleNotFoundError as error:
            raise NotReady(f"{error.name} is not installed", "--ray", "pip install 'earwitness[models]'") from error

        here: dict[str, Any] = {"num_cpus": max(workers, 1) + 1, "include_dashboard": False} if cluster == HERE else {}
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            _require_listener(cluster)
            ray.init(address=cluster, log_to_driver=False, logging_level=logging.ERROR, **here)
        except (OSError, RuntimeError, ValueError) as error:
            text = f"there is no cluster at {cluster}: {_first_line(error)}"
            raise NotReady(text, "--ray", "start one, or leave the address away") from None
        there = ray.cluster_resources()
        gpus = int(there.get("GPU", 0)) if reach.model else 0
        self._gpus = min(gpus, reach.options.tensor_parallel_size)
        room = gpus // self._gpus if gpus else int(there.get("CPU", 0))
        if workers > room:
            ray.shutdown()
            text = f"{workers} workers, and the cluster has room for {room}"
            raise InvalidInput(text, "--workers", "ask for fewer, or join a larger cluster")
        self._workers = workers or (room if gpus else 1)
        self._reach = replace(reach, in_flight=max(reach.in_flight // self._workers, 1))
        self._fingerprint = ""

    async def identity(self) -> Identity:
        """See Backbone. A worker is started to say it, and ended: where it holds a model, that is loaded for this."""
        import ray
        from ray.exceptions import RayError

        def ask() -> Identity:
            worker: Any = ray.remote(Worker).options(num_cpus=1, num_gpus=self._gpus).remote(self._reach)
            try:
                return ray.get(worker.identity.remote())
            except RayError as error:
                raise _cause(error) from None
            finally:
                ray.kill(worker)

        identity = await asyncio.to_thread(ask)
        self._fingerprint = identity.fingerprint
        return identity

    async def answer(self, tasks: Iterable[Task], sampling: Sampling, on_answer: OnAnswer) -> None:
        """See Backbone. Raises EngineFailure where a worker asks another model than the others."""
        from ray.exceptions import RayError

        tasks, loop = list(tasks), asyncio.get_running_loop()
        fingerprint = self._fingerprint or (await self.identity()).fingerprint

        def work() -> None:
            try:
                for answered in self._answers(tasks, sampling):
                    if answered.fingerprint != fingerprint:
                        remedy = "give every node the same engine and the same kind of device"
                        raise EngineFailure("two workers ask different models", "--ray", remedy)
                    told = on_answer(tasks[answered.index], answered.generation)
                    asyncio.run_coroutine_threadsafe(_awaited(told), loop).result()
            except RayError as error:
                raise _cause(error) from None

        await asyncio.to_thread(work)

    async def close(self) -> None:
        """See Backbone. Leaves the cluster, and ends one that was started here."""
        import ray

        await asyncio.to_thread(ray.shutdown)

    def _answers(self, tasks: list[Task], sampling: Sampling) -> Iterator[Answered]:
        import ray.data

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        encode = msgspec.json.Encoder().encode
        asked = [
            {"asked": encode(Asked(index=index, turns=conversation(task), sampling=seeded(sampling, task.id)))}
            for index, task in enumerate(tasks)
        ]
        blocks = -(-len(asked) // ROWS_AT_ONCE)
        answered = ray.data.from_items(asked, override_num_blocks=blocks).map_batches(
            Worker,
            batch_size=ROWS_AT_ONCE,
            fn_constructor_args=(self._reach,),
            concurrency=self._workers,
            num_cpus=1,
            num_gpus=self._gpus,
            max_concurrency=max(self._reach.in_flight // ROWS_AT_ONCE, 1),
        )
        for row in answered.iter_rows():
            yield msgspec.json.decode(row["answered"], type=Answered)


def _require_listener(cluster: str) -> None:
    """Raises OSError where nothing listens at a `host:port`, which Ray would go on trying for minutes."""
    host, _, port = cluster.rpartition(":")
    if host and port.isdecimal() and "//" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LISTENER_WAIT_S).close()


async def _awaited(told: Any) -> None:
    await told


def _cause(error: Exception) -> Exception:
    """Returns what a worker raised, where that is known here; else that Ray failed."""
    from ray.exceptions import RayError

    from earwitness.errors import EarwitnessError

    cause: BaseException | None = error
    while cause is not None:
        # Ray's own copy is of both kinds, and its text is a traceback.
        if isinstance(cause, EarwitnessError) and not isinstance(cause, RayError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return EngineFailure(f"a worker failed: {_first_line(error)}", "--ray", "see Ray's logs")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
