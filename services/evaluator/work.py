"""One run under way in the evaluator service: the core's run, its pace, and how it ends."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec

from earwitness import edge
from earwitness.errors import EarwitnessError
from earwitness.runs import RunProgress, RunSpec, RunState, RunStatus, RunTally
from services.evaluator import result, specification
from services.evaluator.clips import ClipStore
from services.evaluator.config import EvaluatorConfig
from services.evaluator.ledger import Ledger
from services.evaluator.ledger.runs import RunRow
from services.evaluator.metrics import Metrics
from services.evaluator.run import Progress
from services.evaluator.session import Session

FOLDER = "runs"
"""Of the server's output: each run has a results folder of its name in it."""
PACE_S = 30.0
"""The pace is that of the last half minute: models warm up, and the ledger's answers come first and fast."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What the ledger keeps of a run's course."""

    progress: RunProgress = field(default_factory=RunProgress)
    tally: RunTally = field(default_factory=RunTally)
    backbone: str = ""
    failures: Mapping[str, int] = field(default_factory=dict[str, int])


def status_of(row: RunRow) -> RunStatus:
    """Returns a run as the ledger has it."""
    account = msgspec.json.decode(row.account, type=Account) if row.account else Account()
    return RunStatus(
        id=row.id,
        spec=msgspec.json.decode(row.spec, type=RunSpec),
        state=row.state,
        created_at=row.created_at,
        progress=account.progress,
        tally=account.tally,
        error=row.error,
        backbone=account.backbone,
        failures=account.failures,
    )


class Work:
    """A run under way. `execute` is to run in a task of its own."""

    def __init__(
        self, row: RunRow, *, config: EvaluatorConfig, ledger: Ledger, clips: ClipStore, metrics: Metrics
    ) -> None:
        self.status = replace(status_of(row), progress=RunProgress(), tally=RunTally(), failures={})
        self._config, self._metrics = config, metrics
        spec = self.status.spec
        self._session = Session(
            ledger=ledger,
            folder=self.folder,
            targets=specification.targets_of(spec),
            clips=clips,
        )
        self._pace: deque[tuple[float, int]] = deque()
        self._ending = RunState.INTERRUPTED
        self._task: asyncio.Task[tuple[RunState, str]] | None = None

    @property
    def folder(self) -> Path:
        """Where the run's results go."""
        return self._config.out / FOLDER / self.status.id

    @property
    def account(self) -> str:
        """What came of the run so far, for the ledger."""
        status = self.status
        account = Account(
            progress=status.progress, tally=status.tally, backbone=status.backbone, failures=status.failures
        )
        return msgspec.json.encode(account).decode()

    async def execute(self) -> tuple[RunState, str]:
        """Runs, and returns how it ended and, where it failed, why."""
        self._task = asyncio.create_task(self._execute())
        try:
            return await self._task
        except asyncio.CancelledError:
            return self._ending, ""

    def cancel(self) -> None:
        """Ends the run for good, as soon as what is in flight has come back."""
        if self.status.state != RunState.CANCELLING:
            self.status = replace(self.status, state=RunState.CANCELLING)
            self._ending = RunState.CANCELLED
            self.stop()

    def stop(self) -> None:
        """Ends the run for now, as soon as what is in flight has come back, at the latest after the grace."""
        asks = all(kind in self._session.services for kind in specification.KINDS[self.status.spec.setting])
        self._session.stop.set()
        if self._task:
            grace_s = self._config.grace_s if asks else 0.0
            asyncio.get_running_loop().call_later(grace_s, self._task.cancel)

    async def _execute(self) -> tuple[RunState, str]:
        spec, session = self.status.spec, self._session
        if session.stop.is_set():
            return self._ending, ""
        try:
            benchmark = await asyncio.to_thread(specification.benchmark_of, spec, self._config)
            async with session:
                with self._metrics.run(self.status.id, spec, session.services) as meter:

                    def advance(progress: Progress) -> None:
                        self._advance(progress)
                        meter.advance(progress, self.status.progress)

                    outcome = await session.run(benchmark, spec.setting, specification.plan_of(spec), advance)
            await asyncio.to_thread(self._save, *outcome)
        except EarwitnessError as error:
            if session.stop.is_set():
                return self._ending, ""
            return RunState.FAILED, str(error)
        except Exception as error:
            return RunState.FAILED, str(edge.as_known(error))
        return RunState.DONE, ""

    def _save(self, measured: result.RunResult, usage: result.Usage) -> None:
        self.status = replace(self.status, tally=RunTally(**asdict(measured.total)), backbone=measured.backbone)
        experiment = result.Experiment(name=measured.backbone, results=(measured,), usage=(usage,))
        result.save(experiment, self.folder)

    def _advance(self, progress: Progress) -> None:
        now = time.monotonic()
        self._pace.append((now, progress.done))
        while now - self._pace[0][0] > PACE_S:
            self._pace.popleft()
        then, before = self._pace[0]
        rate = (progress.done - before) / (now - then) if now > then else 0.0
        known = {name: getattr(progress, name) for name in Progress.__dataclass_fields__ if name in _SHARED}
        self.status = replace(
            self.status,
            progress=RunProgress(
                **known,
                audio_seconds=progress.audio_s,
                items_per_second=rate,
                eta_seconds=(progress.total - progress.done) / rate if rate else None,
            ),
            tally=RunTally(**asdict(progress.tally)),
            backbone=self._backbone(),
            failures=progress.failures,
        )

    def _backbone(self) -> str:
        kind = "lalm" if self.status.spec.setting == "audio" else "llm"
        return self._session.services[kind].identity.model


_SHARED = frozenset(RunProgress.__dataclass_fields__)
