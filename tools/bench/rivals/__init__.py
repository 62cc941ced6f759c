"""Other harnesses, at their fastest, in an environment of their own: `.venv-bench`, made from pinned packages.

Each runs by its own command line, on the same questions, worded as Earwitness words them. Of the flags that it
documents, those are set that make it faster; the one after which it keeps no answer makes it another contestant.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from earwitness.errors import NotReady
from tools.bench.contestants import Account, Trial, Wire, read_json
from tools.bench.machine import ROOT
from tools.bench.mock import MODEL
from tools.bench.process import Command
from tools.bench.workload import SYSTEM

HERE = Path(__file__).parent
CONSTRAINTS = HERE.parent / "constraints.txt"
VENV = ROOT / ".venv-bench"
BIN = VENV / "bin"
REQUIREMENTS = ("lm-eval[api]", "inspect-ai", "openai", "transformers")
"""The last gives lm-eval a tokenizer, for `make test-clients`; where none is asked for, it does not import it."""
NAMES = ("lm-eval", "inspect-ai", "openai")
MAX_TOKENS = 32


def prepare() -> dict[str, str]:
    """Makes the environment, unless it is there as pinned; returns the versions of the rivals.

    Raises NotReady without uv, and where a package cannot be installed.
    """
    pinned = hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()
    ready = VENV / ".ready"
    if not ready.is_file() or ready.read_text() != pinned:
        uv = shutil.which("uv") or str(ROOT / ".venv-uv/bin/uv")
        links = os.environ.get("PIP_FIND_LINKS", "")
        find_links = ("--find-links", links) if links else ()  # uv does not read pip's own
        _install(uv, "venv", "-q", "--allow-existing", "--python", sys.executable, str(VENV))
        _install(uv, "pip", "install", "-q", "-p", str(VENV), "-c", str(CONSTRAINTS), *find_links, *REQUIREMENTS)
        ready.write_text(pinned)
    listing = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    command = [BIN / "python", "-c", listing, *NAMES]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


@dataclass(frozen=True, kw_only=True, slots=True)
class LmEval:
    """lm-eval's `local-chat-completions`, without a tokenizer, at `num_concurrent` requests."""

    keeps_answers: bool = True
    wire: Wire = "http"

    @property
    def name(self) -> str:
        """See Contestant."""
        return "lm-eval" if self.keeps_answers else "lm-eval, no answer kept"

    def command(self, trial: Trial) -> Command:
        """See Contestant."""
        task = (HERE / "lm_eval_task.yaml").read_text()
        task = task.format(items=json.dumps(str(trial.workload.path)), system=json.dumps(SYSTEM))
        (trial.folder / "tasks").mkdir()
        (trial.folder / "tasks" / "bench.yaml").write_text(task)
        url = f"http://127.0.0.1:{trial.mock.http}/v1/chat/completions"
        model = f"model={MODEL},base_url={url},num_concurrent={trial.in_flight},tokenizer_backend=None"
        arguments = [str(BIN / "lm-eval"), "run", "--model", "local-chat-completions", "--model_args", model]
        arguments += ["--tasks", "bench", "--include_path", "tasks", "--apply_chat_template", "--output_path", "out"]
        arguments += ["--log_samples"] if self.keeps_answers else []
        offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(trial.folder / "cache")}
        return Command(arguments=arguments, env=offline)

    def account(self, trial: Trial) -> Account:
        """See Contestant. Its seconds, `total_evaluation_time_seconds`, begin before it finds its tasks."""
        (path,) = trial.out.rglob("results*.json")
        said = read_json(path)
        found = said["results"]["bench"]
        seconds = float(said["total_evaluation_time_seconds"])
        return Account(seconds=seconds, items=found["sample_len"], accuracy=found["exact_match,letter"])


@dataclass(frozen=True, kw_only=True, slots=True)
class InspectAi:
    """inspect-ai's `openai-api` provider without display, real-time log, running scores, and media in the log."""

    keeps_answers: bool = True
    wire: Wire = "http"

    @property
    def name(self) -> str:
        """See Contestant."""
        return "inspect-ai" if self.keeps_answers else "inspect-ai, no answer kept"

    def command(self, trial: Trial) -> Command:
        """See Contestant."""
        shutil.copy(HERE / "inspect_task.py", trial.folder)
        questions = {"items": str(trial.workload.path), "system": SYSTEM}
        (trial.folder / "questions.json").write_text(json.dumps(questions))  # it takes a comma in -T for a list
        arguments = [str(BIN / "inspect"), "eval", "inspect_task.py", "--model", f"openai-api/bench/{MODEL}"]
        arguments += ["--task-config", "questions.json"]
        arguments += ["--model-base-url", f"http://127.0.0.1:{trial.mock.http}/v1", "--log-dir", "out"]
        arguments += ["--max-connections", str(trial.in_flight), "--max-samples", str(trial.in_flight)]
        arguments += ["--max-tokens", str(MAX_TOKENS), "--temperature", "0"]
        arguments += ["--display", "none", "--no-log-realtime", "--no-score-display", "--no-log-images"]
        arguments += [] if self.keeps_answers else ["--no-log-samples"]
        return Command(arguments=arguments, env={"BENCH_API_KEY": "none", "HOME": str(trial.folder)})

    def account(self, trial: Trial) -> Account:
        """See Contestant. The seconds, from `started_at` to `completed_at`, are whole; none count as one."""
        (path,) = trial.out.glob("*.eval")
        command = [BIN / "inspect", "log", "dump", "--header-only", path]
        said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        stats, results = said["stats"], said["results"]
        took = datetime.fromisoformat(stats["completed_at"]) - datetime.fromisoformat(stats["started_at"])
        accuracy = results["scores"][0]["metrics"]["accuracy"]["value"]
        return Account(seconds=max(took.total_seconds(), 1.0), items=results["completed_samples"], accuracy=accuracy)


def _install(*command: str) -> None:
    quiet = {"UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy"}
    try:
        subprocess.run(command, env={**os.environ, **quiet}, check=True)
    except FileNotFoundError:
        raise NotReady("is needed to install the other harnesses", "uv", "make setup") from None
    except subprocess.CalledProcessError as error:
        raise NotReady(f"ended with {error.returncode}", " ".join(command[:3]), "its error stands above") from None
