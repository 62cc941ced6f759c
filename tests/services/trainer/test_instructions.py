from dataclasses import replace

from services.trainer.instructions import KIND_CHOICES, Pool, pool

SAMPLES = [f"{number:05d}-speech" for number in range(50)]


def test_a_draw_is_the_same_whenever_it_is_made():
    first = [pool().draw(sample, 3, 0) for sample in SAMPLES]
    assert [pool().draw(sample, 3, 0) for sample in reversed(SAMPLES)] == first[::-1]
    assert pool().draw(SAMPLES[0], 2, 0) == [
        "Describe the audio in one short sentence.",
        "Sum up the audio in a few words.",
    ]


def test_samples_are_asked_different_things():
    assert len({tuple(pool().draw(sample, 3, 0)) for sample in SAMPLES}) > 30


def test_seed_and_version_draw_anew():
    one, other, newer = pool(), pool(), replace(pool(), version=pool().version + 1)
    drawn = [[each.draw(sample, 1, seed) for sample in SAMPLES] for each, seed in ((one, 0), (other, 1), (newer, 0))]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


def test_a_sample_is_asked_nothing_twice_and_no_more_than_there_is():
    for sample in SAMPLES:
        assert len(set(pool().draw(sample, 5, 0))) == 5
    assert len(pool().draw("a", 1000, 0)) == len(pool().instructions)


def test_every_instruction_is_drawn_and_none_keeps_its_field():
    drawn = {text for sample in SAMPLES for text in pool().draw(sample, 3, 0)}
    assert not any("{" in text for text in drawn)
    for text in pool().instructions.values():
        assert any(each.startswith(text.partition("{")[0]) for each in drawn)


def test_the_choices_of_an_instruction_are_shuffled():
    kinds = Pool(version=1, instructions={"kind": "{choices}"})
    drawn = [kinds.draw(sample, 1, 0)[0] for sample in SAMPLES]
    assert len(set(drawn)) == 6
    assert {tuple(sorted(each.split(", "))) for each in drawn} == {tuple(sorted(KIND_CHOICES))}
