import pytest

from earwitness.errors import InvalidInput
from services.evaluator import published
from services.evaluator.backbones import family_of, from_results
from tests.services.evaluator.runs import run, tally


def columns(*results):
    return [list(row.scores) for row in from_results(results)]


def test_a_family_is_the_first_word_of_the_name():
    found = published.load().families
    assert {backbone: family_of(backbone) for backbone in found} == found
    assert family_of("Qwen/Qwen3-0.6B") == "Qwen3"
    assert family_of("meta-llama/Meta-Llama-3-8B") == "Llama"
    assert family_of("HuggingFaceTB/SmolLM2-135M-Instruct") == "SmolLM2"


def test_runs_become_one_row_for_each_backbone_with_a_score_in_each_column():
    text, audio = run("ccw", benchmark="akb", setting="text"), run("cww", setting="audio")
    other = run("www", backbone="Phi-4-mini", setting="audio")
    first, second = from_results([text, audio, other], families={"Phi-4-mini": "Microsoft"})
    assert (first.backbone, first.family, list(first.scores)) == ("Qwen3-0.6B", "Qwen3", ["akb text", "mmau audio"])
    score = first.scores["akb text"]
    assert (score.accuracy, score.n, score.outcomes, score.items) == (pytest.approx(2 / 3), 3, "ccw", "akb")
    assert (second.family, list(second.scores)) == ("Microsoft", ["mmau audio"])


def test_groups_become_columns_where_they_are_asked_for():
    result = run("ccw-", breakdowns={"task": {"speech": tally("cc"), "music": tally("w"), "sound": tally("-")}})
    assert columns(result) == [["mmau audio"]]
    (row,) = from_results([result], key="task")
    assert {name: score.accuracy for name, score in row.scores.items()} == {
        "mmau audio": pytest.approx(2 / 3),
        "mmau audio/speech": 1.0,
        "mmau audio/music": 0.0,
    }


def test_runs_that_were_asked_in_different_ways_stand_in_different_columns():
    told = [run("cw", setting="cascade", captioner=captioner) for captioner in ("whisper", "acoustic")]
    assert columns(*told) == [["mmau cascade (whisper)", "mmau cascade (acoustic)"]]
    assert columns(told[0]) == [["mmau cascade"]]
    assert columns(run("cw"), run("cw", prompt="letters@1")) == [
        ["mmau audio (prompt figure-1@1)", "mmau audio (prompt letters@1)"]
    ]
    assert columns(run("cw"), run("cw", sha256="0123456789")) == [
        ["mmau audio (items mmau)", "mmau audio (items 01234567)"]
    ]


def test_a_control_is_never_taken_for_the_benchmark():
    assert columns(run("cw", control="blind")) == [["mmau audio (blind)"]]
    assert columns(run("cw", control="shuffle", rotation=2)) == [["mmau audio (shuffled by 2)"]]


def test_two_runs_of_a_backbone_in_one_column_are_refused():
    with pytest.raises(InvalidInput, match="two runs of mmau audio"):
        from_results([run("cw"), run("cc")])


def test_namesakes_are_told_apart_by_their_fingerprints():
    rows = from_results([run("cw", fingerprint="a" * 64), run("cc", fingerprint="b" * 64)])
    assert [row.backbone for row in rows] == ["Qwen3-0.6B aaaaaaaa", "Qwen3-0.6B bbbbbbbb"]
    assert {row.family for row in rows} == {"Qwen3"}


def test_a_run_whose_answers_are_withheld_has_no_score():
    assert from_results([run("--")]) == ()


def test_runs_can_be_put_beside_the_published_ones():
    (row,) = from_results([run("cccw", benchmark="mmau", setting="cascade")], columns=published.COLUMNS)
    assert row.scores["MMAU_T"].accuracy == 0.75
