"""`make chaos-trainer`: trainings killed with SIGKILL at random moments, each once inside a checkpoint, and started
again until they are done.

Every one must leave the curve and the checkpoint of one that nobody disturbed, and at no moment a torn checkpoint.
Whisper tiny.en, SmolLM2-135M-Instruct and a connector of two layers, as in the reference's debug configuration; the
targets are the descriptions of the bundled corpus's clips, which want no language model.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from rich.console import Console

from earwitness.desta import checkpoint
from services.trainer import curve, manifest, rows
from services.trainer.corpus.build import build
from services.trainer.state import PARTIAL
from tools.bench.machine import Machine, revision, today, versions

CLIPS, BATCH, SAVE_EVERY = 20, 2, 2
KILLS_EACH = 4
SOON_S, LONGEST = 0.05, 0.5
"""The shortest life of a start, and the longest as a share of an undisturbed training, so that it takes several."""
LOOK_S = 0.001
LIMIT_S = 1800.0
HEADS = ("training", "kills", "inside a checkpoint", "steps done twice", "s", "same curve", "same checkpoint")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What came of one training."""

    kills: int
    inside: int
    """Kills while a checkpoint was being written."""
    repeated: int
    """Steps that were done again, over all starts."""
    seconds: float
    points: Sequence[curve.Point]
    fingerprint: str | None
    unwhole: Sequence[str]
    """Checkpoints that a kill left and that could not be read."""

    def row(self, name: str, calm: "Trial") -> tuple[str, ...]:
        """The trial as cells of a table."""
        same = ["yes" if held else "NO" for held in (self.points == calm.points, self.fingerprint == calm.fingerprint)]
        counts = (str(self.kills), str(self.inside), str(self.repeated), f"{self.seconds:.0f}")
        return (name, *counts, *same)

    def faults(self, name: str, calm: "Trial") -> list[str]:
        """What did not hold."""
        found = [f"{name}: {place} is not whole" for place in self.unwhole]
        for there, here in zip_longest(calm.points, self.points):
            if there != here:
                found.append(f"{name}: another curve than without a kill, {here} for {there}")
        if self.fingerprint != calm.fingerprint:
            found.append(f"{name}: another checkpoint than without a kill")
        return found


def prepare(folder: Path) -> tuple[Path, Path]:
    """Builds a corpus and rows about it; returns the folders of rows and corpus."""
    corpus, targets = folder / "corpus", folder / "targets"
    samples = manifest.read(build(corpus, num_clips=CLIPS))
    targets.mkdir()
    for split in ("train", "held_out"):
        path = targets / f"{split}.jsonl"
        rows.append(path, [_row(sample) for sample in samples if sample.split == split])
    return targets, corpus


def _row(sample: manifest.Sample) -> rows.Row:
    audio = rows.RowAudio(audio=sample.audio, text=sample.transcript or rows.SILENT)
    prompt = "Describe the audio."
    turns = (
        rows.RowMessage(role="system", content=rows.SYSTEM),
        rows.RowMessage(role="user", content=f"<|AUDIO|>\n\n{prompt}", audios=(audio,)),
    )
    return rows.Row(
        id=sample.id,
        dataset="chaos",
        seed_description=sample.description,
        prompt=prompt,
        response=sample.description,
        messages=turns,
    )


def command(targets: Path, corpus: Path, out: Path, steps: int) -> list[str]:
    """Returns the command line of a training."""
    settings = {
        "llm": "smollm2-135m-instruct",
        "encoder": "whisper-tiny-en",
        "dtype": "float32",
        "qformer_layers": 2,
        "batch_size": BATCH,
        "steps": steps,
        "warmup_steps": 2,
        "learning_rate": 1e-3,
        "save_every": SAVE_EVERY,
        "held_out_every": steps // 2,
        # Clips that a killed start has heard need not be heard by the next one.
        "encoder_cache_gib": 0,
        "encoder_cache_disk_gib": 2,
        "threads": 1,
    }
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    places = [str(place) for place in (targets, corpus, out)]
    return [sys.executable, "-m", "services.cli", "train", "run", *places, *options]


def attempt(arguments: list[str], out: Path, lives_s: Sequence[float | None], luck: random.Random) -> Trial:
    """Runs a training, killing it after each of `lives_s`, for None inside a checkpoint, until it ends.

    Raises RuntimeError, with what it said, for a training that fails or does not end.
    """
    started, repeated, inside, kills = time.monotonic(), 0, 0, 0
    unwhole: list[str] = []
    plan: list[float | None] = list(lives_s)
    while True:
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            killed = bool(plan) and _kill(process, out, plan[0], luck)
            said, _ = process.communicate(timeout=LIMIT_S)
        if not killed:
            if process.returncode:
                raise RuntimeError(f"the training failed: {said[-2000:]}")
            break
        kills += 1
        inside += bool(_writing(out))
        unwhole += _unwhole(out)
        repeated += _lost(out)
        plan.pop(0)
    return Trial(
        kills=kills,
        inside=inside,
        repeated=repeated,
        seconds=time.monotonic() - started,
        points=[point.learned for point in curve.read(out / "curve.jsonl")],
        fingerprint=checkpoint.read_card(out / "checkpoint").fingerprint,
        unwhole=unwhole,
    )


def lives(seed: int, whole_s: float) -> list[float | None]:
    """Returns how long each start of a training may live; None is until it writes a checkpoint."""
    luck = random.Random(seed)
    drawn: list[float | None] = [luck.uniform(SOON_S, LONGEST * whole_s) for _ in range(KILLS_EACH - 1)]
    drawn.insert(luck.randrange(KILLS_EACH), None)
    return drawn


def _kill(process: "subprocess.Popen[str]", out: Path, life_s: float | None, luck: random.Random) -> bool:
    """Kills a training after a while, or for None as soon as it writes a checkpoint; says whether it was in time."""
    end = time.monotonic() + (LIMIT_S if life_s is None else life_s)
    while process.poll() is None and time.monotonic() < end:
        if life_s is None and _writing(out):
            time.sleep(luck.uniform(0.0, 0.02))
            break
        time.sleep(LOOK_S)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    return True


def _writing(out: Path) -> list[Path]:
    """Returns the folders of an unfinished checkpoint."""
    return list(out.glob(f"checkpoints/*/.*{PARTIAL}"))


def _unwhole(out: Path) -> list[str]:
    """Returns the checkpoints whose tensors do not have the fingerprint that they state, or that lack a file."""
    from safetensors.torch import load_file

    found: list[str] = []
    for place in sorted(out.glob("checkpoints/*/step-*")):
        try:
            checkpoint.read_card(place)
            for file in place.glob("*.safetensors"):
                load_file(file)
        except Exception as error:
            found.append(f"{place.name}: {error}")
    return found


def _lost(out: Path) -> int:
    """Returns the steps that the curve has beyond the newest checkpoint: they are done again."""
    saved = [int(place.name.removeprefix("step-")) for place in out.glob("checkpoints/*/step-*")]
    points = curve.read(out / "curve.jsonl")
    return max(0, points[-1].step - max(saved, default=0)) if points else 0


def main(options: argparse.Namespace) -> int:
    """Runs every trial, prints and writes the table; returns the exit status."""
    console, table = Console(), list[tuple[str, ...]]()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        targets, corpus = prepare(folder)

        def run(name: str, lives_s: Sequence[float | None], seed: int) -> Trial:
            out = folder / name
            return attempt(command(targets, corpus, out, options.steps), out, lives_s, random.Random(seed))

        calm, kills = run("calm", (), 0), 0
        table.append(calm.row("undisturbed", calm))
        while kills < options.kills:
            number = len(table)
            trial = run(str(number), lives(number, calm.seconds), number)
            kills += trial.kills
            table.append(trial.row(str(number), calm))
            faults += trial.faults(f"training {number}", calm)
            console.print("  ".join(table[-1]), style="dim")
    console.print(*(faults or ["Everything held."]), sep="\n")
    if options.out:
        _write(options, table, faults)
    return 1 if faults else 0


def _write(options: argparse.Namespace, table: Sequence[tuple[str, ...]], faults: Sequence[str]) -> None:
    kills, inside = (sum(int(row[at]) for row in table) for at in (1, 2))
    used = ", ".join(f"{name} {version}" for name, version in versions("torch", "transformers").items())
    lines = [
        "# Trainings killed at random",
        "",
        f"`make chaos-trainer`, {today()}. {len(table) - 1} trainings of {options.steps} steps of {BATCH} examples,",
        f"with a checkpoint every {SAVE_EVERY} steps, were killed with SIGKILL {kills} times in all, {inside} of them",
        "while a checkpoint was being written, and started again until they ended. Whisper tiny.en, SmolLM2-135M, two",
        "Q-Former layers, 64 queries, float32. A curve is compared float by float: losses, held-out losses, gradient",
        "norms, learning rates; a checkpoint by the SHA-256 of its tensors.",
        "",
        "| | |\n|---|---|",
        Machine.here().markdown(),
        f"| commit | {revision()} |",
        f"| libraries | {used} |",
        "",
        f"| {' | '.join(HEADS)} |",
        f"|{'---|' * len(HEADS)}",
        *(f"| {' | '.join(row)} |" for row in table),
        "",
        *(faults or ["Every training ended on the curve and the checkpoint of the undisturbed one; none was torn."]),
        "",
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="at least, over all trainings")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the Markdown file to write")
    sys.exit(main(parser.parse_args()))
