"""Three real items through all three settings: real models, real vLLM, one real Ray Serve in HAProxy mode."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from earwitness.cluster import Cluster, ClusterConfig
from earwitness.errors import NotReady
from earwitness.sampling import Sampling
from services.captioner.config import CaptionerConfig
from services.cli.serve import SERVICES, application_of, servicer_of
from services.evaluator import benchmarks, result
from services.evaluator.items import Benchmark, Outcome, Setting
from services.evaluator.ledger import Ledger
from services.evaluator.plan import Plan, Targets
from services.evaluator.result import RunResult
from services.evaluator.session import Session
from services.lalm.config import LalmConfig
from services.llm.config import LlmConfig
from tests.checkpoints import untrained

pytestmark = [pytest.mark.models, pytest.mark.timeout(420)]


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, whisper_folder: Path, smollm2_folder: Path
) -> Iterator[ClusterConfig]:
    checkpoint = untrained(tmp_path_factory.mktemp("lalm") / "checkpoint", whisper_folder, smollm2_folder)
    grpc_port, http_port, metrics_port, stats_port = free_ports(4)
    config = ClusterConfig(grpc_port=grpc_port, http_port=http_port, metrics_port=metrics_port, stats_port=stats_port)
    with Cluster(config) as running:
        running.start(tuple(name for service in SERVICES for name in servicer_of(service).registrars))
        running.deploy(
            {
                "captioner": application_of("captioner", CaptionerConfig()),
                "llm": application_of("llm", LlmConfig()),
                "lalm": application_of("lalm", LalmConfig(checkpoint=checkpoint)),
            }
        )
        yield config


@pytest.fixture
def few() -> dict[Setting, Benchmark]:
    text, heard = benchmarks.load("mini-akb"), benchmarks.load("mini-mmau")
    clips = replace(heard, items=(heard.items[0], heard.items[25], heard.items[50]))
    return {"text": replace(text, items=text.items[:3]), "cascade": clips, "audio": clips}


async def run_all(address: str, folder: Path, few: dict[Setting, Benchmark]) -> list[RunResult]:
    plan, targets = Plan(sampling=Sampling(max_tokens=16)), Targets(llm=address, captioner=address, lalm=address)
    with closing(Ledger.at(folder / "ledger.sqlite")) as ledger:
        async with Session(ledger=ledger, folder=folder, targets=targets) as session:
            return [(await session.run(benchmark, setting, plan))[0] for setting, benchmark in few.items()]


async def test_three_items_through_all_three_settings(
    cluster: ClusterConfig, tmp_path: Path, few: dict[Setting, Benchmark]
) -> None:
    results = await run_all(cluster.address, tmp_path, few)
    assert [run.setting for run in results] == ["text", "cascade", "audio"]
    assert {run.backbone for run in results} == {"smollm2-135m-instruct"}
    for run in results:
        assert (run.total.n, run.total.failed) == (3, 0)
        assert all(each.answer.text and each.score.outcome in Outcome for each in result.items(tmp_path, run))
    assert all(each.caption for each in result.items(tmp_path, results[1]))
    again = await run_all(cluster.address, tmp_path, few)
    with closing(Ledger.at(tmp_path / "ledger.sqlite")) as ledger:
        assert ledger.count() == (9, 3, 0)
    before, after = (result.encode(result.Experiment(name="e2e", results=tuple(runs))) for runs in (results, again))
    assert before == after


async def test_options_are_scored_by_their_log_probability(
    cluster: ClusterConfig, tmp_path: Path, few: dict[Setting, Benchmark]
) -> None:
    with closing(Ledger.at(tmp_path / "ledger.sqlite")) as ledger:
        async with Session(ledger=ledger, folder=tmp_path, targets=Targets(llm=cluster.address)) as session:
            for answering in ("letters", "options"):
                run, _ = await session.run(few["text"], "text", Plan(answering=answering))
                assert (run.total.n, run.total.unread) == (3, 0)
                for each in result.items(tmp_path, run):
                    scores = each.answer.option_scores
                    assert len(scores) == len(each.choices) and max(scores) < 0
                    assert each.score.choice == scores.index(max(scores))


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", "call", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line_calls_each_service(cluster: ClusterConfig) -> None:
    clip = str(benchmarks.load("mini-mmau").items[0].audio)
    at = ("--address", cluster.address)
    described = call("caption", clip, *at)
    assert described.returncode == 0
    assert len(described.stdout.split()) > 5
    assert call("generate", "What is an echo?", "--max-tokens", "8", *at).stdout.strip()
    assert call("listen", clip, "What do you hear?", "--max-tokens", "8", *at).stdout.strip()


def test_bad_audio_is_one_clear_line(cluster: ClusterConfig, tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.wav"
    rubbish.write_bytes(b"this is no sound")
    empty = tmp_path / "empty.wav"
    empty.touch()
    for path in (rubbish, empty, tmp_path / "missing.wav"):
        refused = call("caption", str(path), "--address", cluster.address)
        assert refused.returncode == 1
        assert refused.stdout == ""
        assert len(refused.stderr.strip().splitlines()) == 1
        assert "Traceback" not in refused.stderr


def test_a_port_that_another_process_holds_is_an_error_that_names_it(cluster: ClusterConfig) -> None:
    command = [sys.executable, "-m", "services.cli", "serve", "llm", "--port", str(cluster.grpc_port)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert str(cluster.grpc_port) in refused.stderr
    assert "in use" in refused.stderr
    assert NotReady.code == "FAILED_PRECONDITION"


def test_our_haproxy_serves_the_port(cluster: ClusterConfig) -> None:
    listeners = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN and each.pid]
    holders = {psutil.Process(each.pid).name() for each in listeners if each.laddr[1] == cluster.grpc_port}
    assert holders == {"haproxy"}
