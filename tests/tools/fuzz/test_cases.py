"""What the fuzz trial is made of: always the same, and of every kind."""

import contextlib
import io
import random
from pathlib import Path

import pytest
import soundfile

from earwitness import audio
from earwitness.errors import InvalidInput
from earwitness.v1 import llm_pb2
from tools.fuzz import messages, sounds, web
from tools.fuzz.calls import KINDS, RPCS, Arms
from tools.fuzz.mutation import mutate

ARMS = Arms(token="0123456789abcdef", folder=Path("/tmp/clips"))


def test_a_case_is_a_function_of_seed_and_number() -> None:
    for number in range(100):
        assert ARMS.case(0, number) == ARMS.case(0, number)
        assert web.request(ARMS, 0, number) == web.request(ARMS, 0, number)
        assert sounds.malformed(0, number) == sounds.malformed(0, number)
    assert [ARMS.case(0, number) for number in range(20)] != [ARMS.case(1, number) for number in range(20)]


def test_every_method_of_every_service_is_called_and_every_kind_of_case_made() -> None:
    cases = [ARMS.case(0, number) for number in range(3000)]
    assert {(case.service, case.rpc.path) for case in cases} >= {
        (service, rpc.path) for service, rpcs in RPCS.items() for rpc in rpcs
    }
    assert {case.kind for case in cases} == set(KINDS)
    assert {path.rpartition("/")[2] for path in (rpc.path for rpc in RPCS["llm"])} >= {"Generate", "Watch", "Check"}


def test_odd_messages_can_be_read_unless_their_text_is_no_utf_8() -> None:
    filler = messages.Filler(luck=random.Random(0), tame=0.5, blobs=(b"x",), folder="/tmp")
    unreadable = 0
    for _ in range(500):
        data = messages.serialised(filler.fill(llm_pb2.GenerateRequest.DESCRIPTOR))
        try:
            llm_pb2.GenerateRequest.FromString(data)
        except Exception:
            unreadable += messages.UNREADABLE_BYTES in data
            assert messages.UNREADABLE_BYTES in data
    assert unreadable


def test_a_tame_message_is_one_that_is_answered() -> None:
    filler = messages.Filler(luck=random.Random(0), tame=1.0, blobs=(b"x",), folder="/tmp")
    asked = [filler.fill(llm_pb2.ScoreChoicesRequest.DESCRIPTOR) for _ in range(100)]
    readable = [each for each in asked if isinstance(each, llm_pb2.ScoreChoicesRequest) and each.messages]
    assert sum(len(each.choices) == 3 and each.messages[0].role == "user" for each in readable) > 60


def test_a_mutation_stays_within_its_bytes() -> None:
    data = bytes(range(256)) * 2
    for seed in range(200):
        mutated = mutate(random.Random(seed), data, 16)
        assert mutated.endswith(data[16:])
    assert sum(mutate(random.Random(seed), data) != data for seed in range(50)) > 45


@pytest.mark.parametrize("name", list(sounds.originals()))
def test_the_originals_can_be_heard(name: str) -> None:
    assert audio.decode(sounds.originals()[name]).seconds == pytest.approx(sounds.SECONDS, abs=0.1)


@pytest.mark.parametrize("name", list(sounds.bombs()))
def test_bombs_are_small_and_none_goes_off(name: str) -> None:
    bomb = sounds.bombs()[name]
    assert len(bomb) < 100_000
    with contextlib.suppress(InvalidInput):
        assert audio.decode(bomb).seconds < 1


def test_the_bomb_of_silence_lasts_longer_than_it_may() -> None:
    with soundfile.SoundFile(io.BytesIO(sounds.bombs()["FLAC of 700 s of silence"])) as file:
        assert file.frames / file.samplerate == 700
