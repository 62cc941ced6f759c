"""The whole experiment: one backbone followed through all three settings, stage by stage.

Every stage leaves its work under a name made of what it depends on, whole or absent: killed at any moment and started
again, it goes on where it was, and finished it only shows its report.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness import __version__, models, ports
from earwitness.cluster import Cluster, ClusterConfig
from earwitness.config import to_tree
from earwitness.errors import EngineFailure
from services.captioner.config import CaptionerConfig
from services.llm.config import LlmConfig
from services.trainer.config import TrainConfig, recipe

if TYPE_CHECKING:
    from services.evaluator.items import Setting
    from services.evaluator.result import Experiment as Results
    from services.evaluator.result import RunResult, Timing, Usage

STAGES = 6
RESULTS = "results.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentConfig:
    """The experiment. The defaults run on two cores in minutes."""

    folder: Path = Path("demo")
    backbone: str = "smollm2-135m-instruct"
    encoder: str = "whisper-tiny-en"
    captioner: CaptionerConfig = field(default_factory=CaptionerConfig)
    prompt: str = "figure-1@1"
    max_tokens: int = 24
    text: tuple[str, ...] = ("mini-akb",)
    """Benchmarks of the text setting."""
    heard: tuple[str, ...] = ("mini-mmau", "mini-mmar")
    """Benchmarks of the cascade and audio settings."""
    clips: int = 120
    """Clips of the training corpus."""
    per_sample: int = 1
    """Instructions per clip."""
    target_tokens: int = 48
    """Targets that are longer are dropped."""
    steps: int = 40
    batch_size: int = 4
    qformer_layers: int = 2
    learning_rate: float = 1e-3
    """Ten times the reference's: the demo has 40 steps where the reference has 250,000."""
    cluster: ClusterConfig = field(default_factory=ClusterConfig)

    @property
    def train(self) -> TrainConfig:
        """The training run's settings."""
        return TrainConfig(
            encoder=self.encoder,
            llm=self.backbone,
            qformer_layers=self.qformer_layers,
            dtype="float32",
            batch_size=self.batch_size,
            steps=self.steps,
            warmup_steps=max(1, self.steps // 10),
            learning_rate=self.learning_rate,
            save_every=10,
            held_out_every=max(1, self.steps // 2),
        )


class Experiment:
    """One experiment in its folder."""

    def __init__(self, config: ExperimentConfig) -> None:
        from rich.console import Console

        self.config = config
        self.folder = config.folder
        self.console = Console(highlight=False)
        self.timings: list[Timing] = []
        self._number = 0

    def run(self) -> None:
        """Goes through the stages, or straight to the report where the same experiment is done."""
        stamp = self.folder / "done"
        finished = stamp.is_file() and (self.folder / RESULTS).is_file()
        if not (finished and stamp.read_text() == self._identity()):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._experiment()
            stamp.write_text(self._identity())
        self._show()

    def _identity(self) -> str:
        """Returns what the results depend on: settings, product and weights."""
        return _digest(to_tree(self.config), __version__, _code(), self._weights())

    def _weights(self) -> list[str]:
        """Returns the fingerprints of backbone and encoder: a folder may have other weights under its old name."""
        names = (self.config.backbone, self.config.encoder)
        return [models.fingerprint(models.resolve(models.ModelRef.parse(name))) for name in names]

    def _experiment(self) -> None:
        from services.evaluator import result

        with self._stage("models", "the backbone and the speech encoder, fetched and converted"):
            self._prepare_models()
        with Cluster(self.config.cluster) as cluster:
            with self._stage("serve", "captioner and LLM on Ray Serve, gRPC through HAProxy"):
                self._serve(cluster)
            with self._stage("distil", "the LLM answers about clips described in words"):
                corpus, targets = self._distil()
            with self._stage("train", "the connector learns to say the same on hearing the clips"):
                lalm = self._train(corpus, targets)
            with self._stage("listen", "the LALM joins the other services"):
                self._serve_lalm(cluster, lalm / "checkpoint")
            with self._stage("evaluate", "text, cascade and audio, every answer into the ledger"):
                runs = asyncio.run(self._evaluate())
        result.save(self._result(runs, lalm), self.folder)

    @contextmanager
    def _stage(self, name: str, what: str) -> Generator[None]:
        """Says what a stage does, and how long it took."""
        from services.evaluator.result import Timing

        self._number += 1
        self.console.print(f"[bold]{self._number}/{STAGES} {name}[/bold]  {what}")
        started = time.monotonic()
        yield
        seconds = time.monotonic() - started
        self.timings.append(Timing(stage=name, seconds=seconds))
        self.console.print(f"    {seconds:.1f} s", style="dim")

    def _prepare_models(self) -> None:
        for name in (self.config.backbone, self.config.encoder):
            folder = models.resolve(
                models.ModelRef.parse(name), progress=lambda line: self.console.print(f"    {line}")
            )
            self.console.print(f"    {name}: {folder}", style="dim", soft_wrap=True)

    def _serve(self, cluster: Cluster) -> None:
        from services.cli.serve import SERVICES, application_of, servicer_of

        cluster.start(tuple(name for service in SERVICES for name in servicer_of(service).registrars))
        llm = LlmConfig(model=self.config.backbone)
        captioner = application_of("captioner", self.config.captioner)
        cluster.deploy({"llm": application_of("llm", llm), "captioner": captioner})
        self.console.print(f"    listening on {self.config.cluster.address}", style="dim")

    def _distil(self) -> tuple[Path, Path]:
        """Returns the corpus folder and the targets' folder."""
        from services.trainer.commands import distil
        from services.trainer.corpus.build import build
        from services.trainer.progress import CountBar

        config = self.config
        corpus = self.folder / f"corpus-{_digest(config.clips)}"
        with CountBar("corpus", config.clips) as bar:
            manifest = build(corpus, num_clips=config.clips, progress=bar.show)
        parts = (corpus.name, self._weights()[0], config.per_sample, config.target_tokens)
        targets = self.folder / f"targets-{_digest(*parts)}"
        asyncio.run(
            distil(
                manifest,
                targets,
                config.cluster.address,
                per_sample=config.per_sample,
                max_tokens=config.target_tokens,
                seed=0,
            )
        )
        return corpus, targets

    def _train(self, corpus: Path, targets: Path) -> Path:
        """Returns the folder with checkpoint and curve. Trains in a process of its own, whose memory ends with it."""
        rows = (targets / "train.jsonl").read_bytes()
        parts = (recipe(self.config.train), self._weights(), hashlib.sha256(rows).hexdigest())
        lalm = self.folder / f"lalm-{_digest(*parts)}"
        if (lalm / "checkpoint").is_dir():
            return lalm
        lalm.mkdir(parents=True, exist_ok=True)
        file = lalm / "train.json"
        file.write_text(json.dumps(to_tree(self.config.train), indent=1))
        places = [str(path) for path in (targets, corpus, lalm)]
        command = [sys.executable, "-m", "services.cli", "train", "run", *places, "--config", str(file)]
        left = lalm / "training.json"
        ports.end_recorded(left)  # a training that outlived a killed demo would write the same files
        with subprocess.Popen(command) as training:
            ports.record(left, [training.pid])
        left.unlink()
        if training.returncode:
            raise EngineFailure("training did not finish", "train", "its error stands above")
        return lalm

    def _serve_lalm(self, cluster: Cluster, checkpoint: Path) -> None:
        from services.cli.serve import application_of
        from services.lalm.config import LalmConfig

        cluster.deploy({"lalm": application_of("lalm", LalmConfig(checkpoint=checkpoint.resolve()))})

    async def _evaluate(self) -> "list[tuple[RunResult, Usage]]":
        from earwitness.sampling import Sampling
        from services.evaluator import benchmarks
        from services.evaluator.ledger import Ledger
        from services.evaluator.plan import Plan, Targets
        from services.evaluator.progress import RunBar
        from services.evaluator.session import Session

        address = self.config.cluster.address
        ledger = Ledger.at(self.folder / "ledger.sqlite")
        targets = Targets(llm=address, captioner=address, lalm=address)
        plan = Plan(prompt=self.config.prompt, sampling=Sampling(max_tokens=self.config.max_tokens))
        asked: dict[Setting, tuple[str, ...]] = {
            "text": self.config.text,
            "cascade": self.config.heard,
            "audio": self.config.heard,
        }
        runs: list[tuple[RunResult, Usage]] = []
        async with Session(ledger=ledger, folder=self.folder, targets=targets) as session:
            for setting, names in asked.items():
                for benchmark in map(benchmarks.load, names):
                    title, started = f"{setting} {benchmark.name}", time.monotonic()
                    with RunBar(title, len(benchmark.items)) as bar:
                        runs.append(await session.run(benchmark, setting, plan, bar.show))
                    self._time(title, time.monotonic() - started, len(benchmark.items))
        ledger.close()
        return runs

    def _time(self, stage: str, seconds: float, items: int) -> None:
        from services.evaluator.result import Timing

        self.timings.append(Timing(stage=stage, seconds=seconds, items=items))

    def _result(self, runs: "list[tuple[RunResult, Usage]]", lalm: Path) -> "Results":
        from earwitness.desta import checkpoint
        from services.evaluator.result import Experiment as Results
        from services.evaluator.result import Point
        from services.trainer import curve

        points = curve.read(lalm / "curve.jsonl")
        return Results(
            name=f"{self.config.backbone} through three settings",
            results=tuple(result for result, _ in runs),
            usage=tuple(usage for _, usage in runs),
            curve=tuple(Point(step=at.step, loss=at.loss) for at in points if at.loss is not None),
            held_out=tuple(Point(step=at.step, loss=at.held_out) for at in points if at.held_out is not None),
            lineage={
                **checkpoint.lineage(checkpoint.read_card(lalm / "checkpoint")),
                **{f"train.{key}": str(value) for key, value in recipe(self.config.train).items()},
            },
            timings=tuple(self.timings),
        )

    def _show(self) -> None:
        from services.evaluator import report, result

        experiment = result.load(self.folder)
        page = self.folder / "report.html"
        report.write(experiment, self.folder, page)
        report.show(experiment, self.console)
        self.console.print(f"\nReport: [bold]{page.resolve()}[/bold]", soft_wrap=True)


def _digest(*parts: object) -> str:
    """Returns a short name for what something depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _code() -> str:
    """Returns a hash of the product's own code and data: a changed product measures again."""
    digest = hashlib.sha256()
    for package in ("earwitness", "services"):
        root = Path(__file__).parents[2] / package
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()
