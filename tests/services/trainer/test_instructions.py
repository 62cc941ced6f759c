from collections import Counter
from dataclasses import replace

import pytest
import yaml

from earwitness.errors import InvalidInput, NotFound
from services.trainer.instructions import FILE, Instruction, Kind, Pool, pool, read

KEYS = [f"{number:05d}-speech" for number in range(60)]
KNOWN = {"speech", "Gender", "Pitch", "Volume", "Speaking speed"}


def test_a_draw_is_the_same_whenever_and_wherever_it_is_made():
    first = [pool().draw(key, KNOWN, 3, 0) for key in KEYS]
    assert [pool().draw(key, sorted(KNOWN), 3, 0) for key in reversed(KEYS)] == first[::-1]
    assert [asked.text for asked in pool().draw("a", KNOWN, 2, 0)] == [
        "What is happening in this recording?",
        "Is the audio mainly speech, music or another sound? Answer with one of these words: sound, music, speech.",
    ]


def test_fewer_are_the_beginning_of_more():
    for key in KEYS:
        assert pool().draw(key, KNOWN, 2, 0) == pool().draw(key, KNOWN, 5, 0)[:2]


def test_seed_and_version_draw_anew():
    newer = replace(pool(), version=pool().version + 1)
    drawn = [[each.draw(key, KNOWN, 1, seed) for key in KEYS] for each, seed in ((pool(), 0), (pool(), 1), (newer, 0))]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


def test_a_clip_is_asked_nothing_twice_and_no_more_than_suits_it():
    for key in KEYS:
        texts = [asked.text.partition(":")[0] for asked in pool().draw(key, KNOWN, 1000, 0)]
        assert len(set(texts)) == len(texts)
    everything = sum(len(kind.instructions) for kind in pool().kinds.values())
    unneeding = sum(not each.needs for kind in pool().kinds.values() for each in kind.instructions)
    assert len(pool().draw("a", (), 1000, 0)) == unneeding < everything


def test_what_is_not_known_of_a_clip_is_not_asked():
    needs = {each.text: each.needs for kind in pool().kinds.values() for each in kind.instructions}
    for key in KEYS:
        for asked in pool().draw(key, {"Volume"}, 5, 0):
            assert needs.get(asked.text, "Volume") in {"", "Volume"}


def test_kinds_come_by_their_weight():
    of = {name: Kind(weight=weight, instructions=(Instruction(text=name),)) for name, weight in (("a", 3), ("b", 1))}
    two = Pool(version=1, kinds=of)
    drawn = Counter(two.draw(str(number), (), 1, 0)[0].kind for number in range(2000))
    assert drawn["a"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_every_kind_is_drawn_and_known_again_by_its_words():
    drawn = [asked for key in KEYS for asked in pool().draw(key, KNOWN, 1000, 0)]
    assert {asked.kind for asked in drawn} == set(pool().kinds)
    assert not any("{" in asked.text for asked in drawn)
    assert all(pool().kind_of(asked.text) == asked.kind for asked in drawn)
    assert pool().kind_of("Sing!") == "other"


def test_choices_are_shuffled():
    kind = Kind(weight=1, instructions=(Instruction(text="{choices}", choices=("a", "b", "c")),))
    drawn = [Pool(version=1, kinds={"k": kind}).draw(key, (), 1, 0)[0].text for key in KEYS]
    assert len(set(drawn)) == 6
    assert {tuple(sorted(each.split(", "))) for each in drawn} == {("a", "b", "c")}


def test_a_pool_of_one_s_own_is_read(tmp_path):
    (tmp_path / "pool.yaml").write_text(FILE.read_text().replace("version: 2", "version: 9"))
    assert read(tmp_path / "pool.yaml") == replace(pool(), version=9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "two"}, "version"),
        ({"kinds": {"a": {"weight": 0, "instructions": [{"text": "b"}]}}}, "weight"),
        ({"kinds": {"a": {"weight": 1, "instructions": [{"text": ""}]}}}, "text"),
        ({"kinds": {"a": {"weight": 1, "instructions": [{"text": "b", "choices": ["c"]}]}}}, "kinds.a"),
        ({"kinds": {"a": {"weight": 1, "instructions": [{"text": "{choices}?"}]}}}, "kinds.a"),
        ({"kinds": {"a": {"weight": 1, "instructions": []}}}, "no instruction"),
        ({"kinds": {}}, "no instruction"),
    ],
)
def test_what_is_wrong_with_a_pool_is_said_with_its_key(tmp_path, change, said):
    path = tmp_path / "pool.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(FILE.read_text()) | change))
    with pytest.raises(InvalidInput, match=said) as caught:
        read(path)
    assert "pool.yaml" in caught.value.field and caught.value.remedy


def test_a_pool_that_is_no_yaml_or_not_there_is_named(tmp_path):
    (tmp_path / "pool.yaml").write_text("kinds: [")
    with pytest.raises(InvalidInput, match=r"pool\.yaml"):
        read(tmp_path / "pool.yaml")
    with pytest.raises(NotFound, match="--pool"):
        read(tmp_path / "missing.yaml")
