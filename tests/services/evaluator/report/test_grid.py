from dataclasses import replace

from services.evaluator.report.grid import families, grid


def test_the_grid_goes_from_text_over_cascade_to_audio(two):
    table = grid(two)
    assert [(column.setting, column.benchmark) for column in table.columns] == [
        ("text", "mini-akb"),
        ("cascade", "mini-mmau"),
        ("cascade", "mini-mmar"),
        ("audio", "mini-mmau"),
        ("audio", "mini-mmar"),
    ]
    assert len(table.cells) == 10
    assert not any(column.variant for column in table.columns)


def test_no_result_is_lost_that_shares_backbone_benchmark_and_setting(one):
    (told,) = [each for each in one.results if each.setting == "cascade" and each.benchmark == "mini-mmau"]
    (heard,) = [each for each in one.results if each.setting == "audio" and each.benchmark == "mini-mmau"]
    more = (
        replace(told, captioner="whisper"),
        replace(told, caption_prompt="asked@1"),
        replace(told, answering="letters"),
        replace(told, prompt="plain@1"),
        replace(told, benchmark_sha256="f" * 64),
        replace(heard, checkpoint="step 0"),
        replace(heard, checkpoint="step 1"),
    )
    table = grid(replace(one, results=one.results + more))
    assert len(table.cells) == len(one.results) + len(more)
    said = " | ".join(column.variant for column in table.columns)
    for words in ("whisper", "acoustic", "asked@1", "by letters", "plain@1", "items ffffffff", "step 0", "step 1"):
        assert words in said


def test_controls_and_samples_are_told_apart_and_stand_aside(controlled):
    table = grid(controlled)
    aside = {column.variant for column in table.columns if column.is_side}
    assert aside == {"blind", "shuffled by 1", "sample 1", "sample 2"}
    assert {column.variant for column in table.main} == {""}
    assert len(table.runs) == len(controlled.results)
    assert len(table.main_runs) == 10


def test_controls_alone_are_shown_as_they_are(controlled):
    blind = tuple(each for each in controlled.results if each.control == "blind")
    table = grid(replace(controlled, results=blind))
    assert [column.variant for column in table.main] == ["blind"]
    assert len(table.main_runs) == 2


def test_one_name_for_two_backbones_is_told_apart_by_fingerprint(one):
    other = replace(one.results[0], fingerprint="0123456789")
    table = grid(replace(one, results=(*one.results, other)))
    assert len(table.backbones) == 2
    assert table.backbones[1].endswith(" 01234567")


def test_a_benchmark_of_another_version_is_another_section(one):
    other = replace(one.results[0], benchmark_sha256="f" * 64)
    assert len(grid(replace(one, results=(*one.results, other))).sections) == 4


def test_several_backbones_have_letters_and_one_has_none(one, two):
    assert list(grid(two).keys.values()) == ["A", "B"]
    assert list(grid(one).keys.values()) == [""]


def test_families_come_from_the_lineage(one):
    assert families(replace(one, lineage={"family of Qwen3-4B": "Qwen3", "seed": "7"})) == {"Qwen3-4B": "Qwen3"}
