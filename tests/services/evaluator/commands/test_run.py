import asyncio
import json
import signal
import sys
from contextlib import closing
from dataclasses import replace

import pytest

from services.cli.main import main
from services.evaluator import result
from services.evaluator.ledger import Ledger
from services.evaluator.result import RESULTS
from tests.services.evaluator.conftest import Backbone, Listener

ROWS = [
    {"id": str(number), "question": f"What sounds like {number}?", "choices": ["A dog", "A bell"], "answer": "A bell"}
    for number in range(40)
]


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
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


async def test_a_killed_run_asks_again_only_what_was_in_flight_and_gives_the_same_bytes(house, rows, tmp_path):
    engine = Backbone(delay_s=0.02)
    address = await house.serve(engine)

    def run(out):
        return start("run", "akb", "text", "--data", rows, "--out", tmp_path / out, "--llm", address, "--in-flight", 4)

    killed = await run("killed")
    while len(engine.asked) < 15:
        assert killed.returncode is None, (await killed.stdout.read()).decode()
        await asyncio.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    with closing(Ledger.at(tmp_path / "killed" / "ledger.sqlite")) as ledger:
        recorded = ledger.count()[0]
    assert recorded > 4
    assert not (tmp_path / "killed" / RESULTS).exists()

    output, _ = await (await run("killed")).communicate()
    assert (tmp_path / "killed" / RESULTS).exists(), output.decode()
    assert len(set(engine.asked)) == 40 <= len(engine.asked) <= 40 + 4
    await (await run("whole")).communicate()
    killed, whole = (result.load(tmp_path / out) for out in ("killed", "whole"))
    assert (tmp_path / "killed" / RESULTS).read_bytes() == (tmp_path / "whole" / RESULTS).read_bytes()
    files = [tmp_path / out / run.answers for out, run in (("killed", killed.results[0]), ("whole", whole.results[0]))]
    assert files[0].read_bytes() == files[1].read_bytes()


async def test_a_run_that_is_asked_to_end_keeps_what_it_has_and_says_how_to_go_on(house, rows, tmp_path):
    engine = Backbone(delay_s=0.05)
    address = await house.serve(engine)
    command = ("run", "akb", "text", "--data", rows, "--out", tmp_path / "out", "--llm", address, "--in-flight", 2)
    for number in (signal.SIGTERM, signal.SIGINT):
        ended = await start(*command)
        before = len(engine.asked)
        while len(engine.asked) < before + 5:
            assert ended.returncode is None, (await ended.stdout.read()).decode()
            await asyncio.sleep(0.005)
        ended.send_signal(number)
        output, _ = await ended.communicate()
        assert ended.returncode == 1
        assert "start the same command again" in output.decode()
    await (await start(*command)).communicate()
    assert len(engine.asked) == len(set(engine.asked)) == 40


async def test_a_run_adds_its_result_to_those_of_the_folder(house, rows, tmp_path, capsys):
    text, other = await house.serve(Backbone()), await house.serve(Backbone("other"))
    out = tmp_path / "results"
    for address, tokens in ((text, 8), (other, 8), (text, 4)):
        command = ["run", "akb", "text", "--data", rows, "--out", out, "--llm", address, "--max-tokens", tokens]
        assert await asyncio.to_thread(main, [str(part) for part in command]) == 0
    results = result.load(out).results
    assert [(each.backbone, each.parameters["max_tokens"]) for each in results] == [("other", 8), ("echo", 4)]
    assert [each.asked for each in result.load(out).usage] == [40, 40]
    assert "40/40" in (said := capsys.readouterr().out)
    assert f"Report: {out / 'report.html'}" in said.replace("\n", "")
    assert "echo" in (out / "report.html").read_text()


async def test_two_checkpoints_of_one_backbone_stand_side_by_side(house, clips, tmp_path):
    data = [
        {"id": each.id, "audio_id": each.audio.name, "question": "?", "choices": ["A", "B"]} for each in clips.items
    ]
    (tmp_path / "rows.json").write_text(json.dumps(data))
    first, second = Listener(), Listener()
    second.identity = replace(first.identity, fingerprint="f" * 64)
    for engine in (first, second, first):
        command = ["run", "mmau", "audio", "--data", tmp_path / "rows.json", "--out", tmp_path / "results"]
        address = await house.serve(engine)
        assert await asyncio.to_thread(main, [str(part) for part in (*command, "--lalm", address)]) == 0
    assert len(result.load(tmp_path / "results").results) == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROWS[0], "id": "x", "question": None}, "rows.jsonl:41: question"),
        ({**ROWS[0], "id": "x", "answer": "A kettle"}, "rows.jsonl:41: answer"),
        ({**ROWS[0], "id": "x", "choices": []}, "rows.jsonl:41: choices"),
        (ROWS[0], "rows.jsonl:41: id"),
    ],
)
def test_a_malformed_row_is_one_line_with_file_line_and_field(rows, tmp_path, capsys, row, said):
    with rows.open("a") as file:
        file.write(json.dumps(row) + "\n")
    assert said in refusal(capsys, "run", "akb", "text", "--data", rows, "--out", tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_an_unknown_benchmark_is_one_line_that_names_the_known(tmp_path, capsys):
    assert "mini-mmau" in refusal(capsys, "run", "mnau", "audio", "--out", tmp_path)


def test_a_benchmark_that_does_not_come_with_the_package_asks_for_its_file(tmp_path, capsys):
    assert "mmau-test-mini.json" in refusal(capsys, "run", "mmau", "audio", "--out", tmp_path)
    missing = tmp_path / "missing.json"
    assert str(missing) in refusal(capsys, "run", "mmau", "audio", "--out", tmp_path, "--data", missing)


def test_a_ledger_in_a_missing_folder_is_one_line(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/missing/ledger.sqlite"
    assert "ledger" in refusal(capsys, "run", "mini-akb", "text", "--out", tmp_path / "out", "--ledger", url)


def test_results_that_cannot_be_kept_are_refused_before_anything_is_asked(rows, capsys):
    assert "--out" in refusal(capsys, "run", "mini-akb", "text", "--out", rows)
    assert "--out" in refusal(capsys, "run", "mini-akb", "text", "--out", rows / "below")


@pytest.mark.parametrize("option", ["--in-flight", "--max-tokens"])
@pytest.mark.parametrize("value", ["0", "-1"])
def test_a_count_of_nothing_is_refused_by_its_option(tmp_path, capsys, option, value):
    said = refusal(capsys, "run", "mini-akb", "text", "--out", tmp_path / "results", option, value)
    assert option in said


def test_an_unknown_prompt_is_one_line(tmp_path, capsys):
    said = refusal(capsys, "run", "mini-akb", "text", "--out", tmp_path / "out", "--prompt", "figure-9")
    assert "figure-1@1" in said


def test_a_report_of_an_empty_folder_is_one_line(tmp_path, capsys):
    assert RESULTS in refusal(capsys, "report", tmp_path)
    assert RESULTS in refusal(capsys, "report", tmp_path / "missing")


def test_a_report_of_damaged_results_is_one_line(tmp_path, capsys):
    (tmp_path / RESULTS).write_text('{"name": ')
    assert "results" in refusal(capsys, "report", tmp_path)


@pytest.mark.parametrize("setting", ["singing", ""])
def test_an_unknown_setting_is_a_wrong_command_line(tmp_path, capsys, setting):
    with pytest.raises(SystemExit) as caught:
        main(["run", "mini-akb", setting])
    assert caught.value.code == 2
    assert "cascade" in capsys.readouterr().err
