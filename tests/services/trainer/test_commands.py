import asyncio
import signal
import sys

import pytest

from services.cli.main import main
from services.trainer import manifest, rows
from tests.services.trainer.conftest import sample

NUM_TRAIN, NUM_HELD_OUT, IN_FLIGHT = 200, 10, 64
WRITTEN = {
    *("train.jsonl", "train.dropped.jsonl", "held_out.jsonl", "held_out.dropped.jsonl"),
    *("distil.json", "card.json", "card.md"),
}


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


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def ids(path) -> list[str]:
    return sorted(row.id for row in rows.read(path))


async def test_a_killed_distillation_asks_again_only_what_was_in_flight_and_ends_in_the_same_bytes(
    teacher, described, tmp_path
):
    engine, address = teacher
    engine.silent = ("(17)", "(150)")
    sampled = ("--llm", address, "--temperature", "0.8", "--in-flight", IN_FLIGHT)
    whole, out = tmp_path / "whole", tmp_path / "targets"
    assert await asyncio.to_thread(main, [str(part) for part in ("train", "distil", described, whole, *sampled)]) == 0
    engine.asked.clear()
    engine._delay_s = 0.05
    killed = await start("train", "distil", described, out, *sampled)
    while len(engine.asked) < 2 * IN_FLIGHT:
        assert killed.returncode is None, (await killed.stdout.read()).decode()
        await asyncio.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    assert 0 < (out / "train.jsonl").read_bytes().count(b"\n") < NUM_TRAIN
    with (out / "train.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')

    output, _ = await (await start("train", "distil", described, out, *sampled)).communicate()
    asked, tasks = [turns[-1].content for turns in engine.asked], NUM_TRAIN + NUM_HELD_OUT
    assert len(set(asked)) == tasks <= len(asked) <= tasks + IN_FLIGHT, output.decode()
    assert contents(out) == contents(whole)
    assert contents(out).keys() == WRITTEN
    assert ids(out / "held_out.jsonl") == [f"{number + NUM_TRAIN:03d}-0" for number in range(NUM_HELD_OUT)]
    assert rows.read(out / "train.jsonl")[0].dataset == "noises"
    assert f"train: {NUM_TRAIN - 2} targets kept, 2 dropped (2 empty)" in output.decode()


async def test_every_split_has_its_file_even_where_nothing_is_kept(teacher, described, tmp_path, capsys):
    engine, address = teacher
    engine.silent = ("audio",)
    command = ["train", "distil", described, tmp_path / "targets", "--llm", address]
    assert await asyncio.to_thread(main, [str(part) for part in command]) == 0
    assert [rows.read(tmp_path / "targets" / f"{split}.jsonl") for split in ("train", "held_out")] == [(), ()]
    assert f"held out: 0 targets kept, {NUM_HELD_OUT} dropped ({NUM_HELD_OUT} empty)" in capsys.readouterr().out


async def test_a_folder_of_targets_has_its_card(teacher, described, tmp_path, capsys):
    out = tmp_path / "targets"
    command = ["train", "distil", described, out, "--llm", teacher[1], "--per-sample", "2"]
    assert await asyncio.to_thread(main, [str(part) for part in command]) == 0
    written = (out / "card.md").read_text()
    assert f"{2 * (NUM_TRAIN + NUM_HELD_OUT)} targets in 2 files; 0 answers were dropped." in written
    (out / "card.md").unlink()
    assert main(["train", "card", str(out)]) == 0
    assert capsys.readouterr().out.rstrip().endswith("card.md")
    assert (out / "card.md").read_text() == written


async def test_other_ways_to_ask_want_another_folder(teacher, described, tmp_path, capsys):
    command = ["train", "distil", described, tmp_path / "targets", "--llm", teacher[1]]
    assert await asyncio.to_thread(main, [str(part) for part in command]) == 0
    said = await asyncio.to_thread(refusal, capsys, *command, "--seed", 1)
    assert "seed" in said and "another folder" in said


def test_a_missing_manifest_is_one_line(tmp_path, capsys):
    said = refusal(capsys, "train", "distil", tmp_path / "manifest.jsonl", tmp_path / "targets")
    assert "manifest.jsonl" in said


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--per-sample", 0),
        ("--max-tokens", 0),
        ("--in-flight", 0),
        ("--temperature", -0.1),
        ("--top-p", 0),
        ("--top-p", 1.1),
        ("--workers", 2),
        ("--set", "max_num_seqs=2"),
        ("--pool", "nowhere.yaml"),
    ],
)
def test_what_cannot_be_is_refused_by_its_option(described, tmp_path, capsys, option, value):
    said = refusal(capsys, "train", "distil", described, tmp_path / "targets", option, value)
    assert option in said


def test_a_card_of_nothing_is_refused(tmp_path, capsys):
    assert "train distil" in refusal(capsys, "train", "card", tmp_path)
    (tmp_path / "train.jsonl").touch()
    assert "--tokenizer" in refusal(capsys, "train", "card", tmp_path, "--tokenizer", tmp_path / "nowhere")


def test_a_corpus_says_what_recordings_it_could_have(tmp_path, capsys, monkeypatch):
    for package in ("SONIC_PI", "ASTERISK"):
        monkeypatch.setattr(f"services.trainer.corpus.recordings.{package}", tmp_path / "nowhere")
    assert main(["train", "corpus", str(tmp_path / "c"), "--clips", "2"]) == 0
    assert "apt install sonic-pi-samples" in capsys.readouterr().out
    said = refusal(capsys, "train", "corpus", tmp_path / "d", "--asterisk", tmp_path)
    assert "--asterisk" in said and "leave the option away" in said
    assert "--recordings" in refusal(capsys, "train", "corpus", tmp_path / "d", "--recordings", "-1")


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
