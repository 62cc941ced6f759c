import pytest
import yaml

from earwitness.errors import EarwitnessError, InvalidInput, NotFound, UnknownKey
from services.evaluator import published
from services.evaluator.sweep import read

LEAST = {"name": "x", "backbones": [{"name": "b", "llm": "h:1"}], "benchmarks": ["mini-akb"], "settings": ["text"]}
CAPTIONERS = ["whisper-large-v3", "qwen3-omni-captioner", "gemini-caption"]


@pytest.fixture
def write(tmp_path):
    def write(**changes):
        file = tmp_path / "sweep.yaml"
        file.write_text(yaml.safe_dump({key: value for key, value in (LEAST | changes).items() if value is not None}))
        return file

    return write


def error(file) -> EarwitnessError:
    with pytest.raises(EarwitnessError) as raised:
        read.read(file)
    return raised.value


def test_little_has_to_be_said(write):
    sweep = read.read(write())
    assert (sweep.prompts, sweep.answering, sweep.samples, sweep.sampling.max_tokens) == (
        ("figure-1@1",),
        ("generate",),
        1,
        32,
    )


@pytest.mark.parametrize("key", ["name", "backbones", "benchmarks"])
def test_what_has_to_be_said_is_named(write, key):
    assert error(write(**{key: None})).field == key


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"benchmark": ["mini-akb"]}, "benchmark"),
        ({"backbones": [{"name": "b", "lllm": "h:1"}]}, "backbones[0].lllm"),
        ({"benchmarks": [{"name": "mini-akb", "file": "x"}]}, "benchmarks[0].file"),
        ({"captioners": [{"name": "c", "prompt": "x"}]}, "captioners[0].prompt"),
        ({"sampling": {"max_token": 3}}, "sampling.max_token"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_that_was_meant(write, changes, field):
    raised = error(write(**changes))
    assert isinstance(raised, UnknownKey)
    assert (raised.field, bool(raised.remedy)) == (field, True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"settings": ["text", "smell"]}, "settings[1]"),
        ({"controls": ["deaf"]}, "controls[0]"),
        ({"answering": ["guess"]}, "answering[0]"),
        ({"benchmarks": [{"name": "mini-akb", "settings": ["smell"]}]}, "benchmarks[0].settings[0]"),
        ({"in_flight": "many"}, "in_flight"),
        ({"in_flight": 0}, "in_flight"),
        ({"samples": 0}, "samples"),
        ({"samples": 2, "seeds": [1, 2, 3]}, "seeds"),
        ({"sampling": {"max_tokens": 0}}, "sampling.max_tokens"),
        ({"rotations": [0]}, "rotations"),
        ({"settings": []}, "settings"),
        ({"backbones": [{"name": "b"}, {"name": "b"}]}, "backbones"),
        ({"benchmarks": ["mini-akb", "mini-akb"]}, "benchmarks"),
        ({"prompts": ["nobody@1"]}, "prompt"),
        ({"captioners": [{"name": "c", "target": "h:1", "prompts": ["nobody@1"]}]}, "caption_prompt"),
        ({"backbones": [{"name": "b", "llm": "nobody"}]}, "backbones[0].llm"),
        ({"backbones": [{"name": "b", "llm": "openai:nobody"}]}, "backbones[0].llm: openai:nobody"),
        ({"targets": {"b": "nowhere"}}, "targets.b"),
        ({"backbones": [{"name": "b", "captioners": ["c"]}]}, "backbones[0].captioners"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_key(write, changes, field):
    raised = error(write(**changes))
    assert raised.field == field


def test_seeds_alone_say_how_many_samples_there_are(write):
    assert read.read(write(seeds=[3, 5, 8])).samples == 3


def test_one_address_is_one_model(write):
    two = [{"name": "a", "llm": "h:1"}, {"name": "b", "llm": "h:1"}]
    assert error(write(backbones=two)).field == "backbones[1].llm"
    thinking = [{"name": "a", "llm": "h:1"}, {"name": "b", "llm": "h:1", "thinking": True}]
    assert len(read.read(write(backbones=thinking)).backbones) == 2


def test_a_name_under_targets_or_in_the_catalogue_stands_for_an_address(write):
    backbones = [{"name": "a", "llm": "mine"}, {"name": "b", "llm": "gpt-4o"}, {"name": "c", "llm": "gone"}]
    sweep = read.read(write(backbones=backbones, targets={"mine": "h:7", "gone": None}))
    assert [backbone.llm for backbone in sweep.backbones] == ["h:7", "openai:gpt-4o", ""]


def test_settings_of_the_command_line_change_the_file(write):
    assert read.read(write(), ["in_flight=3", "sampling.max_tokens=9"]).sampling.max_tokens == 9


def test_a_cascade_without_captioners_has_those_that_the_paper_compares(write):
    targets = {"whisper-large-v3": "w:1", "qwen3-omni-captioner": "q:1", "gemini-caption": "openai:gemini-2.5-pro"}
    sweep = read.read(write(settings=["cascade"], targets=targets))
    assert [captioner.name for captioner in sweep.captioners] == CAPTIONERS
    assert [captioner.target for captioner in sweep.captioners] == list(targets.values())
    assert read.read(write(settings=["text"])).captioners == ()


def test_a_captioner_of_the_paper_without_an_address_is_named_with_both_ways_out(write):
    raised = error(write(settings=["cascade"], targets={"gemini-caption": "g:1"}))
    assert raised.field == "targets.whisper-large-v3"
    assert "whisper-large-v3 has no address" in raised.message
    assert "HOST:PORT" in raised.remedy
    assert "null to leave it out" in raised.remedy
    left_out = dict.fromkeys(CAPTIONERS[:2]) | {"gemini-caption": "g:1"}
    sweep = read.read(write(settings=["cascade"], targets=left_out))
    assert [captioner.target for captioner in sweep.captioners] == ["", "", "g:1"]


def test_a_sweep_is_found_by_path_or_by_the_name_of_a_bundled_one(write):
    assert read.find(str(write())) == write()
    assert read.find("mini").name == "mini.yaml"
    with pytest.raises(NotFound, match="mini, paper"):
        read.find("nobody")


def test_the_paper_s_sweep_has_its_backbones_families_and_lalms():
    sweep = read.read(read.find("paper"))
    known = published.load()
    assert {backbone.name: backbone.family for backbone in sweep.backbones} == known.families
    assert {backbone.name for backbone in sweep.backbones if backbone.lalm} == set(known.columns["MMAU_A"].rows)
    assert [captioner.name for captioner in sweep.captioners] == CAPTIONERS
    compared = [backbone.name for backbone in sweep.backbones if backbone.captioners is None]
    assert compared == ["Gemini-2.5-Pro"]


def test_a_file_that_is_no_mapping_or_not_there_is_said_to_be(tmp_path):
    file = tmp_path / "list.yaml"
    file.write_text("- a\n")
    with pytest.raises(InvalidInput):
        read.read(file)
    with pytest.raises(NotFound):
        read.read(tmp_path / "nothing.yaml")
