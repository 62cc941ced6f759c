from itertools import chain

import numpy as np
import pytest

from services.trainer.batches import Batches, Position


def batches(lengths, **changed) -> Batches:
    return Batches(lengths, **{"batch_size": 4, "micro_batch_size": 4, "seed": 0, "bucket_batches": 50, **changed})


def flat(made: Batches, step: int) -> list[int]:
    return list(chain.from_iterable(made.passes(step)))


@pytest.mark.parametrize(("num", "size"), [(8, 4), (9, 4), (5, 5), (1, 1), (7, 2)])
def test_an_epoch_is_a_permutation_in_whole_batches(num, size):
    made = batches(range(num), batch_size=size)
    assert made.per_epoch == num // size
    for epoch in range(3):
        steps = range(epoch * made.per_epoch + 1, (epoch + 1) * made.per_epoch + 1)
        seen = [flat(made, step) for step in steps]
        assert {len(batch) for batch in seen} == {size}
        assert len(set(chain.from_iterable(seen))) == made.per_epoch * size


def test_fewer_examples_than_a_batch_are_one_batch():
    made = batches([1, 2, 3], batch_size=8, micro_batch_size=1)
    assert [sorted(flat(made, step)) for step in (1, 2)] == [[0, 1, 2]] * 2
    assert len(made.passes(1)) == 3


def test_the_order_is_repeatable_and_new_for_every_epoch_and_seed():
    def drawn(seed: int) -> list[frozenset[int]]:
        made = batches(range(64), batch_size=8, seed=seed)
        return [frozenset(flat(made, step)) for step in range(1, 17)]

    assert drawn(0) == drawn(0)
    assert len({*drawn(0), *drawn(1)}) == 32


def test_any_step_is_known_without_those_before_it():
    lengths = np.random.default_rng(0).integers(10, 90, 50).tolist()
    walked = batches(lengths)
    whole = [walked.passes(step) for step in range(1, 40)]
    assert [batches(lengths).passes(step) for step in (38, 17, 1)] == [whole[37], whole[16], whole[0]]
    assert batches(lengths).position(14) == Position(epoch=1, batch=1)


def test_batches_hold_examples_of_like_length_and_buckets_of_one_do_not():
    lengths = np.random.default_rng(0).integers(10, 500, 400)

    def padding(made: Batches) -> int:
        heights = [lengths[flat(made, step)] for step in range(1, made.per_epoch + 1)]
        return sum(int(each.max()) * len(each) for each in heights) - int(lengths.sum())

    assert padding(batches(lengths)) < 0.1 * padding(batches(lengths, bucket_batches=1))


def test_a_batch_is_cut_into_even_passes_from_short_to_long_whoever_takes_them():
    made = batches(range(40), batch_size=10, micro_batch_size=4)
    for step in range(1, 5):
        passes = made.passes(step)
        assert sorted(len(each) for each in passes) == [3, 3, 4]
        assert flat(made, step) == sorted(flat(made, step))
