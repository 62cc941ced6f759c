"""The command in a process of its own, against real servers in this one."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass

import pytest
import yaml

from services.evaluator import benchmarks, result
from tests.services.evaluator.conftest import Backbone, Describer

CODE = """
import argparse, sys
from earwitness.errors import EarwitnessError
from services.evaluator.commands import sweep as sweep_command
parser = argparse.ArgumentParser()
sweep_command.register(parser.add_subparsers())
options = parser.parse_args()
try:
    options.execute(options)
except EarwitnessError as error:
    print(f"earwitness: {error}")
    sys.exit(1)
except KeyboardInterrupt:
    sys.exit(130)
"""
NOBODY = "127.0.0.1:1"
PRICES = {"prices": {"p": {"source": "a test", "date": "2026-01-01", "prompt_per_million": 100.0}}}
NUM_ITEMS = len(benchmarks.load("mini-akb").items)


@dataclass
class Done:
    """How the command ended."""

    status: int
    output: str


@pytest.fixture
def command(tmp_path):
    """Starts `earwitness sweep` in a folder of its own; `interrupt_when` gets a Ctrl-C sent."""

    async def run(*arguments, interrupt_when=None) -> Done:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CODE,
            "sweep",
            *map(str, arguments),
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "COLUMNS": "80",
                "EARWITNESS_HOME": str(tmp_path),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        if interrupt_when:
            while process.returncode is None and not interrupt_when():
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
        return Done(process.returncode, output.decode())

    return run


@pytest.fixture
def write(tmp_path):
    def write(**changes):
        file = tmp_path / "sweep.yaml"
        base = {
            "name": "s",
            "benchmarks": ["mini-akb"],
            "settings": ["text"],
            "out": str(tmp_path / "out"),
            "in_flight": 8,
        }
        file.write_text(yaml.safe_dump(base | changes))
        return file

    return write


async def test_a_sweep_leaves_a_result_for_each_run_and_asks_nothing_twice(house, command, write, tmp_path):
    first, second = Backbone("first"), Backbone("second")
    file = write(
        backbones=[
            {"name": "one", "family": "f", "llm": await house.serve(first)},
            {"name": "two", "llm": await house.serve(second)},
        ],
    )
    done = await command(file)
    assert done.status == 0, done.output
    assert "[2/2] two text mini-akb: done, 240 of 240" in done.output
    kept = result.load(tmp_path / "out")
    assert [each.backbone for each in kept.results] == ["first", "second"]
    assert kept.lineage["family of first"] == "f"
    asked = len(first.asked)
    again = await command(file)
    assert "240 reused" in again.output
    assert len(first.asked) == asked
    assert (await command(file, "--dry-run")).output.count(" 240 ") >= 4


async def test_captions_are_shared_by_the_backbones(house, command, write):
    describer = Describer()
    file = write(
        backbones=[{"name": name, "llm": await house.serve(Backbone(name))} for name in ("one", "two")],
        benchmarks=["mini-mmar"],
        settings=["cascade"],
        captioners=[{"name": "c", "target": await house.serve(describer)}],
    )
    done = await command(file)
    assert done.status == 0, done.output
    assert len(describer.heard) == len(set(describer.heard)) > 0


async def test_a_run_that_fails_is_reported_at_the_end_and_in_the_status(house, command, write, tmp_path):
    file = write(
        backbones=[
            {"name": "wrong", "llm": await house.serve(Backbone("other")), "model": "wanted"},
            {"name": "right", "llm": await house.serve(Backbone("right"))},
        ],
    )
    done = await command(file)
    assert done.status == 1
    assert "serves other, not wanted" in done.output
    assert "1 of 2 runs failed" in done.output
    assert [each.backbone for each in result.load(tmp_path / "out").results] == ["right"]


async def test_money_that_is_spent_stops_it_and_the_same_command_goes_on(house, command, write, tmp_path):
    backbone = Backbone("first")
    prices = tmp_path / "prices.yaml"
    prices.write_text(yaml.safe_dump(PRICES))
    file = write(backbones=[{"name": "one", "llm": await house.serve(backbone), "price": "p"}])
    small = await command(file, "--prices", prices, "--max-cost", "0.01")
    assert (small.status, backbone.asked) == (1, [])
    assert "will cost about" in small.output
    assert "1 of 1 runs are left" in small.output
    large = await command(file, "--prices", prices, "--max-cost", "10")
    assert large.status == 0, large.output


async def test_ctrl_c_ends_it_gracefully_and_the_same_command_goes_on(house, command, write):
    backbone = Backbone("first", delay_s=0.02)
    file = write(backbones=[{"name": "one", "llm": await house.serve(backbone)}])
    stopped = await command(file, interrupt_when=lambda: len(backbone.asked) > 40)
    assert stopped.status == 130, stopped.output
    assert "1 of 1 runs are left" in stopped.output
    asked = len(backbone.asked)
    assert asked < NUM_ITEMS
    assert (await command(file)).status == 0
    assert len(backbone.asked) == len(set(backbone.asked)) == NUM_ITEMS


async def test_a_dry_run_asks_nobody_and_says_what_all_would_take(command, write, tmp_path):
    file = write(
        backbones=[{"name": "one", "llm": NOBODY}],
        benchmarks=["mini-akb", "mini-mmar"],
        settings=["text", "cascade", "audio"],
        captioners=[{"name": "c", "target": NOBODY}],
    )
    done = await command(file, "--dry-run")
    assert done.status == 0
    assert "text mini-akb" in done.output
    assert "2 runs" in done.output
    assert "the backbone has no `lalm`" in done.output
    assert "? is not known" in done.output
    assert all(len(line) <= 80 for line in done.output.splitlines())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["mini", "paper"])
async def test_a_bundled_sweep_can_be_shown_copied_and_read(command, tmp_path, name):
    shown = await command(name, "--show")
    assert shown.status == 0
    (tmp_path / "copy.yaml").write_text(shown.output)
    done = await command("copy.yaml", "--set", "benchmarks=[mini-akb]", "--dry-run")
    assert done.status == 0, done.output


@pytest.mark.parametrize(
    ("changes", "arguments", "words"),
    [
        ({}, ["--max-cost", "0"], "--max-cost"),
        ({}, ["--set", "settings=[audio]"], "no run that can be"),
        ({"benchmarks": [{"name": "mmau", "data": "nowhere.json"}]}, [], "benchmarks: mmau"),
        ({"benchmarks": ["nobody"]}, [], "benchmarks: nobody"),
        ({}, ["--max-cost", "1"], "without the price of one"),
        ({}, ["--prices", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
async def test_what_cannot_be_is_one_line_with_the_remedy(command, write, changes, arguments, words):
    done = await command(write(backbones=[{"name": "one", "llm": NOBODY}], **changes), *arguments)
    assert done.status == 1
    assert "Traceback" not in done.output
    assert words in done.output.splitlines()[-1]
