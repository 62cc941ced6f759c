import asyncio
import signal
import sys

import pytest

from services.cli.main import main
from services.trainer import manifest, rows
from tests.services.trainer.conftest import sample

NUM_TRAIN, NUM_HELD_OUT, IN_FLIGHT = 200, 10, 64


@pytest.fixture
def described(tmp_path):
    """A manifest with two splits."""
    path = tmp_path / "noises" / "manifest.jsonl"
    path.parent.mkdir()
    split = ["train"] * NUM_TRAIN + ["held_out"] * NUM_HELD_OUT
    manifest.write(path, [sample(number, split=split[number]) for number in range(len(split))])
    return path


def refusal(capsys, *arguments: object) -> str:
    """Runs a command that fails, and returns the one line that it says."""
    assert main([str(argument) for argument in arguments]) == 1
    said = capsys.readouterr().err
    assert said.startswith("earwitness: ") and said.count("\n") == 1
    return said


async def start(*arguments: object) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "services.cli", *[str(argument) for argument in arguments]]
    return await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


def ids(path) -> list[str]:
    return sorted(row.id for row in rows.read(path))


async def test_a_killed_distillation_asks_again_only_what_was_in_flight(teacher, described, tmp_path):
    engine, address = teacher
    engine._delay_s = 0.05
    out = tmp_path / "targets"
    killed = await start("train", "distil", described, out, "--llm", address)
    while len(engine.asked) < 2 * IN_FLIGHT:
        assert killed.returncode is None, (await killed.stdout.read()).decode()
        await asyncio.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    assert 0 < (out / "train.jsonl").read_bytes().count(b"\n") < NUM_TRAIN
    with (out / "train.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')

    output, _ = await (await start("train", "distil", described, out, "--llm", address)).communicate()
    asked, tasks = [turns[-1].content for turns in engine.asked], NUM_TRAIN + NUM_HELD_OUT
    assert len(set(asked)) == tasks <= len(asked) <= tasks + IN_FLIGHT, output.decode()
    assert ids(out / "train.jsonl") == [f"{number:03d}-0" for number in range(NUM_TRAIN)]
    assert ids(out / "held_out.jsonl") == [f"{number + NUM_TRAIN:03d}-0" for number in range(NUM_HELD_OUT)]
    assert rows.read(out / "train.jsonl")[0].dataset == "noises"
    assert f"{NUM_TRAIN} targets kept, 0 dropped" in output.decode()


async def test_every_split_has_its_file_even_where_nothing_is_kept(teacher, described, tmp_path, capsys):
    engine, address = teacher
    engine.silent = ("audio",)
    command = ["train", "distil", described, tmp_path / "targets", "--llm", address]
    assert await asyncio.to_thread(main, [str(part) for part in command]) == 0
    assert [rows.read(tmp_path / "targets" / f"{split}.jsonl") for split in ("train", "held_out")] == [(), ()]
    assert f"0 targets kept, {NUM_HELD_OUT} dropped" in capsys.readouterr().out


def test_a_missing_manifest_is_one_line(tmp_path, capsys):
    said = refusal(capsys, "train", "distil", tmp_path / "manifest.jsonl", tmp_path / "targets")
    assert "manifest.jsonl" in said


@pytest.mark.parametrize("option", ["--per-sample", "--max-tokens"])
def test_a_count_of_nothing_is_refused_by_its_option(described, tmp_path, capsys, option):
    assert option in refusal(capsys, "train", "distil", described, tmp_path / "targets", option, "0")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["llm=tiny"], "steps"),
        (["llm=tiny", "steps=0"], "steps"),
        (["llm=tiny", "steps=many"], "steps"),
        (["llm=tiny", "steps=1", "learning_rat=1"], "learning_rate"),
        (["llm=tiny", "steps=1"], "train.jsonl"),
    ],
)
def test_a_training_run_that_cannot_begin_says_why_in_one_line(tmp_path, capsys, settings, said):
    options = [part for setting in settings for part in ("--set", setting)]
    assert said in refusal(capsys, "train", "run", tmp_path, tmp_path, tmp_path / "out", *options)
