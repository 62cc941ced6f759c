import asyncio
import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import EngineFailure
from earwitness.sampling import Generation
from services.llm.stream import coalesced, merged


def generation(text):
    return Generation(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=len(text))


async def growing(texts, pause_s):
    """A text that grows by one of the texts at a time."""
    so_far = ""
    for text in texts:
        await asyncio.sleep(pause_s)
        so_far += text
        yield text, generation(so_far)


async def collected(texts, interval_s, pause_s=0.0):
    return [piece async for piece in coalesced(growing(texts, pause_s), interval_s)]


@settings(deadline=None)
@given(texts=st.lists(st.text(max_size=3), min_size=1, max_size=9), interval_s=st.sampled_from([0.0, 1e-6, 60.0]))
def test_pieces_make_the_whole_which_comes_last_and_once(texts, interval_s):
    pieces = asyncio.run(collected(texts, interval_s))
    *before, last = pieces
    assert "".join(delta for delta, _ in pieces) == "".join(texts)
    assert all(delta and whole is None for delta, whole in before)
    assert last[1] == generation("".join(texts))


async def test_a_long_interval_makes_one_piece_and_none_makes_all():
    assert len(await collected("abc", 60.0)) == 1
    assert [delta for delta, _ in await collected("abc", 0.0)] == ["a", "b", "c", ""]


async def test_pieces_are_at_least_the_interval_apart():
    times = [time.monotonic()]
    async for _, whole in coalesced(growing("x" * 40, 0.002), 0.02):
        if whole is None:
            times.append(time.monotonic())
    assert 2 < len(times) < 10
    assert all(later - earlier >= 0.02 for earlier, later in itertools.pairwise(times))


async def test_a_text_of_nothing_is_one_empty_piece_with_its_reason():
    assert await collected([""], 0.0) == [("", generation(""))]


async def numbered(number, pauses, ended):
    try:
        for pause_s in pauses:
            await asyncio.sleep(pause_s)
            yield number
        if number < 0:
            raise EngineFailure("broke")
    finally:
        ended.append(number)


async def test_streams_are_merged_as_they_come():
    ended = []
    streams = [numbered(1, [0.0, 0.2], ended), numbered(2, [0.1], ended), numbered(3, [], ended)]
    assert [number async for number in merged(streams)] == [1, 2, 1]
    assert sorted(ended) == [1, 2, 3]
    assert [number async for number in merged([])] == []


async def test_what_one_stream_raises_ends_them_all_and_so_does_closing():
    ended = []
    with pytest.raises(EngineFailure):
        [number async for number in merged([numbered(1, [60], ended), numbered(-1, [0.0], ended)])]
    assert sorted(ended) == [-1, 1]
    both = merged([numbered(2, [60], ended), numbered(3, [0.0, 60], ended)])
    assert await anext(both) == 3
    await both.aclose()
    assert sorted(ended) == [-1, 1, 2, 3]
