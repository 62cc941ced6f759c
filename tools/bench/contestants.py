"""Who is measured: how a harness is started, and where it says what it did.

The bare client and Earwitness are here, other harnesses in `tools.bench.rivals`.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from earwitness.errors import EarwitnessError
from tools.bench.machine import ROOT
from tools.bench.mock import MODEL
from tools.bench.process import Command
from tools.bench.serving import MockProcess
from tools.bench.workload import Workload

Wire = Literal["http", "grpc"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One measurement to make."""

    workload: Workload
    in_flight: int
    mock: MockProcess
    folder: Path
    """Where the command runs; what it writes under `out` is its logs and results."""

    @property
    def out(self) -> Path:
        """The folder of logs and results."""
        return self.folder / "out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What a harness says of itself."""

    seconds: float
    """How long it evaluated."""
    items: int
    accuracy: float | None
    """None where it scores nothing."""


class Contestant(Protocol):
    """A harness over one wire."""

    @property
    def name(self) -> str:
        """As the tables call it."""
        ...

    @property
    def wire(self) -> Wire:
        """What it speaks to the mock."""
        ...

    def command(self, trial: Trial) -> Command:
        """Prepares the trial's folder and says what to run there."""
        ...

    def account(self, trial: Trial) -> Account:
        """Reads what it left; raises EarwitnessError, or what parsing raises, where that is not what it should be."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Bare:
    """The floor: `tools.bench.bare`."""

    wire: Wire
    name: str = "bare client"

    def command(self, trial: Trial) -> Command:
        """See Contestant."""
        target = f"127.0.0.1:{trial.mock.http if self.wire == 'http' else trial.mock.grpc}"
        module = ("-m", "tools.bench.bare", self.wire, target, str(trial.workload.path))
        arguments = (sys.executable, *module, "--in-flight", str(trial.in_flight))
        return Command(arguments=arguments, env={"PYTHONPATH": str(ROOT)})

    def account(self, trial: Trial) -> Account:
        """See Contestant."""
        said = read_json(trial.folder / "stdout")
        if said["right"] != said["items"]:
            raise EarwitnessError(f"only {said['right']} of {said['items']} answers were the mock's", self.name)
        return Account(seconds=said["wall_s"], items=said["items"], accuracy=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Earwitness:
    """`earwitness run`, as a user starts it, with a new folder and so a new SQLite ledger; its report is included."""

    wire: Wire
    name: str = "Earwitness"

    def command(self, trial: Trial) -> Command:
        """See Contestant."""
        catalogue = trial.folder / "endpoints.yaml"
        url = f"http://127.0.0.1:{trial.mock.http}/v1"
        catalogue.write_text(f"{MODEL}:\n  base_url: {url}\n  model: {MODEL}\n  audio: true\n")
        target = f"openai:{MODEL}" if self.wire == "http" else f"127.0.0.1:{trial.mock.grpc}"
        work = trial.workload
        model = "--lalm" if work.setting == "audio" else "--llm"
        options = ("--data", str(work.path), model, target, "--out", "out", "--in-flight", str(trial.in_flight))
        console = str(Path(sys.executable).with_name("earwitness"))
        arguments = (console, "run", work.benchmark, work.setting, *options)
        return Command(arguments=arguments, env={"EARWITNESS_ENDPOINTS": str(catalogue)})

    def account(self, trial: Trial) -> Account:
        """See Contestant."""
        (usage,) = read_json(trial.out / "timings.json")["usage"]
        (result,) = read_json(trial.out / "results.json")["results"]
        if usage["failed"] or usage["asked"] != trial.workload.num_items:
            raise EarwitnessError(f"{usage['asked']} asked, {usage['failed']} failed", self.name)
        outcomes = result["outcomes"]
        return Account(seconds=usage["wall_s"], items=len(outcomes), accuracy=outcomes.count("c") / len(outcomes))


def read_json(path: Path) -> Any:
    """Returns what a JSON file holds."""
    return json.loads(path.read_bytes())
