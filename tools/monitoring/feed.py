"""A real run to look at: services, an evaluator that asks them, people who call beside it, and a training.

Sweeps and people have tokens and priorities of their own, and some calls are wrong, so that every panel that can have
something to show has.
"""

import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from earwitness.access import Access
from earwitness.conversation import Turn
from earwitness.errors import DeadlineExceeded, EarwitnessError
from earwitness.evaluator_client import EvaluatorClient
from earwitness.runs import RunSpec, RunState
from earwitness.sampling import Sampling
from earwitness.sync import LlmClient
from tools.monitoring.ports import free_port

HOST = "127.0.0.1"
READY_WITHIN_S, END_WITHIN_S = 300.0, 60.0
TOKENS = {"people": "of-people-at-the-door", "sweep": "of-sweeps-in-the-night"}
NOBODYS = "of-nobody-in-particular"
PLACES, ECHO_DELAY_S = 64, 1.0
ECHO = ("engine=echo", f"echo_delay_s={ECHO_DELAY_S}", f"max_in_flight={PLACES}")
VLLM = (
    "model=smollm2-135m-instruct",
    f"max_in_flight={PLACES}",
    "vllm.max_model_len=2048",
    "vllm.cpu_kv_cache_gib=1",
    "vllm.max_num_seqs=16",
)
CLIPS, STEPS = 24, 40
RUNS = (
    RunSpec(benchmark="mini-akb", setting="text"),
    RunSpec(benchmark="mini-mmau", setting="cascade"),
    RunSpec(benchmark="open-akb", setting="text"),
    RunSpec(benchmark="mini-akb", setting="text"),
)
"""The last finds every answer in the ledger."""
GREETING = (Turn(role="user", content="Which animal bleats?"),)
EVERY_S = 0.2
WRONG_EVERY = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What runs, and where: addresses of gRPC by name, and of metrics by job."""

    grpc: Mapping[str, str]
    metrics: Mapping[str, str]


@contextmanager
def services(folder: Path, settings: Sequence[str]) -> Generator[Served]:
    """Runs an LLM with some settings, a captioner and an evaluator, each with callers of two kinds."""
    callers = folder / "callers.yaml"
    callers.write_text(yaml.safe_dump({"callers": [_caller(name) for name in TOKENS]}))
    env = {"EARWITNESS_TOKEN": TOKENS["sweep"]}
    names = ("llm", "captioner", "evaluator")
    grpc, pages = ({name: f"{HOST}:{free_port()}" for name in names} for _ in range(2))
    chosen = {"llm": settings, "captioner": (f"max_in_flight={PLACES}",)}
    with (
        _serving(["serve", "llm"], chosen["llm"], grpc["llm"], pages["llm"], folder, callers),
        _serving(["serve", "captioner"], chosen["captioner"], grpc["captioner"], pages["captioner"], folder, callers),
        _serving(
            ["evaluator", "serve"],
            (f"out={folder / 'runs'}", f"llm={grpc['llm']}", f"captioner={grpc['captioner']}"),
            grpc["evaluator"],
            pages["evaluator"],
            folder,
            env=env,
        ),
    ):
        yield Served(grpc=grpc, metrics=pages)


async def sweep(address: str) -> None:
    """Has the evaluator go through `RUNS`; raises EarwitnessError where one does not end well."""
    async with EvaluatorClient(address) as client:
        for spec in RUNS:
            created = await client.create(spec)
            states = [run.state async for run in client.watch(created.id)]
            if states[-1] != RunState.DONE:
                raise EarwitnessError(f"it ended as {states[-1]}", created.id)


@contextmanager
def people(address: str, token: str = TOKENS["people"]) -> Generator[None]:
    """Has people call the LLM until the block is left; every tenth call is wrong, and every tenth is a stranger's."""
    ended = threading.Event()
    thread = threading.Thread(target=_call, args=(address, token, ended), name="people")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def training(folder: Path, llm: str) -> Generator[Callable[[], tuple[str, Callable[[], int]]]]:
    """Makes a small corpus and rows from the LLM's answers; yields what starts the training on them.

    That returns where its metrics are, and what waits for its end and returns its exit status.
    """
    corpus, rows = folder / "corpus", folder / "rows"
    env = os.environ | {"EARWITNESS_TOKEN": TOKENS["sweep"]}
    for words in (
        ["corpus", str(corpus), "--clips", str(CLIPS), "--recordings", "0"],
        ["distil", str(corpus / "manifest.jsonl"), str(rows), "--llm", llm],
    ):
        with (folder / f"{words[0]}.log").open("wb") as log:
            subprocess.run(_command(["train", *words]), stdout=log, stderr=log, env=env, check=True)
    started: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[str, Callable[[], int]]:
        port = free_port()
        settings = ("llm=smollm2-135m-instruct", "encoder=whisper-tiny-en", f"steps={STEPS}", "batch_size=4")
        more = ("warmup_steps=5", "held_out_every=10", "save_every=10")
        words = ["train", "run", str(rows), str(corpus), str(folder / "lalm"), "--metrics-port", str(port)]
        with (folder / "train.log").open("wb") as log:
            started.append(subprocess.Popen(_command(words, (*settings, *more)), stdout=log, stderr=log))
        return f"{HOST}:{port}", started[0].wait

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()


def _caller(name: str) -> dict[str, str]:
    priority = "sweep" if name == "sweep" else "interactive"
    return {"name": name, "token_sha256": hashlib.sha256(TOKENS[name].encode()).hexdigest(), "priority": priority}


def _command(words: Sequence[str], settings: Sequence[str] = ()) -> list[str]:
    given = [word for setting in settings for word in ("--set", setting)]
    return [sys.executable, "-m", "services.cli", *words, *given]


@contextmanager
def _serving(
    words: Sequence[str],
    settings: Sequence[str],
    address: str,
    page: str,
    folder: Path,
    callers: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Generator[None]:
    """Runs a service of ours until the block is left; what it says goes into a file of its name."""
    ports = ["--port", address.rpartition(":")[2], "--metrics-port", page.rpartition(":")[2]]
    known = ["--callers", str(callers)] if callers else []
    log = folder / f"{'-'.join(words)}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            _command([*words, *ports, *known], settings), stdout=out, stderr=out, env={**os.environ, **(env or {})}
        )
    try:
        _await(process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not re.search(r"^(and shows its|the evaluator serves|.*metrics on)", log.read_text(), re.M):
        if process.poll() is not None:
            raise EarwitnessError(f"ended: {log.read_text()[-2000:]}", log.stem)
        if time.monotonic() > deadline:
            raise DeadlineExceeded(f"not ready within {READY_WITHIN_S:g} s", log.stem)
        time.sleep(0.1)


def _call(address: str, token: str, ended: threading.Event) -> None:
    with (
        LlmClient(address, access=Access(token=token)) as known,
        LlmClient(address, access=Access(token=NOBODYS)) as stranger,
    ):
        threads: list[threading.Thread] = []
        number = 0
        while not ended.wait(EVERY_S):
            number += 1
            client = stranger if number % WRONG_EVERY == 1 else known
            tokens = 1 << 30 if number % WRONG_EVERY == 2 else 16
            threads.append(threading.Thread(target=_ask, args=(client, Sampling(max_tokens=tokens))))
            threads[-1].start()
        for thread in threads:
            thread.join()


def _ask(client: LlmClient, sampling: Sampling) -> None:
    try:
        client.generate(GREETING, sampling)
    except EarwitnessError:
        return  # which is in the metrics
