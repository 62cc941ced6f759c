"""Every limit that a comment in `proto/` states, over real gRPC: what is just within it passes, what is just beyond is
refused with the limit and the field.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
import pytest

from earwitness.channel import error_of
from earwitness.clients import ModelClient
from earwitness.errors import InvalidInput
from earwitness.v1 import (
    audio_pb2,
    captioner_pb2,
    captioner_pb2_grpc,
    lalm_pb2,
    lalm_pb2_grpc,
    llm_pb2,
    llm_pb2_grpc,
    model_pb2,
)
from services.captioner.config import CaptionerConfig
from services.captioner.servicer import CaptionerServicer
from services.lalm.config import LalmConfig
from services.lalm.servicer import LalmServicer
from services.llm.config import LlmConfig
from services.llm.servicer import LlmServicer
from tests import sounds
from tests.serving import LengthCaptioner, ReadingListener, channel, serving

PROTO = Path(__file__).parents[1] / "proto" / "earwitness" / "v1"
LIMIT = re.compile(
    r"(?:at most|up to) \d+(?: \w+)?|\d+ to \d+(?: \w+)?|(?:limit of|over) \d+ seconds|above \d+", re.IGNORECASE
)
SERVED = {
    "Caption": (captioner_pb2_grpc.CaptionerServiceStub, CaptionerServicer, CaptionerConfig(), LengthCaptioner()),
    "Generate": (llm_pb2_grpc.LlmServiceStub, LlmServicer, LlmConfig(engine="echo"), None),
    "ScoreChoices": (llm_pb2_grpc.LlmServiceStub, LlmServicer, LlmConfig(engine="echo"), None),
    "Listen": (lalm_pb2_grpc.LalmServiceStub, LalmServicer, LalmConfig(checkpoint=Path("none")), ReadingListener()),
}


class Limit(NamedTuple):
    """A limit, a request with as much of it as is asked for, how much is just within and beyond, and the refusal."""

    stated: str
    """`file: words of the comment`."""
    rpc: str
    request: Callable[[Any], Any]
    within: Any
    beyond: Any
    field: str
    says: str


def messages(kind, contents):
    return [kind(role="user", content=content) for content in contents]


def caption(data=b"", prompt=""):
    return captioner_pb2.CaptionRequest(audio=audio_pb2.Audio(data=data), prompt=prompt)


def generate(contents=("Hello.",), **sampling):
    sampled = model_pb2.Sampling(**sampling)
    return llm_pb2.GenerateRequest(messages=messages(llm_pb2.ChatMessage, contents), sampling=sampled)


def score(choices=("a", "b"), contents=("Which?",)):
    return llm_pb2.ScoreChoicesRequest(messages=messages(llm_pb2.ChatMessage, contents), choices=choices)


def listen(contents=("Hello.",), clips=(0,), clip=b"", words=None):
    request = lalm_pb2.ListenRequest(messages=messages(lalm_pb2.ListenMessage, contents))
    for message, count in zip(request.messages, clips, strict=False):
        message.clips.extend([lalm_pb2.Clip(audio=audio_pb2.Audio(data=clip), transcript=words)] * count)
    return request


def lasting(seconds):
    return sounds.encode(np.zeros(seconds * 1000, np.float32), 1000)


WORDS = "a" * 262_144
CAPTIONS = ("CaptionBatch", lambda n: captioner_pb2.CaptionBatchRequest(requests=[caption()] * n))
GENERATIONS = ("GenerateBatch", lambda n: llm_pb2.GenerateBatchRequest(requests=[generate()] * n))
LISTENINGS = ("ListenBatch", lambda n: lalm_pb2.ListenBatchRequest(requests=[listen()] * n))
SCORE_OPTIONS = ("ScoreChoices", lambda n: score(["a"] * n))
GENERATE_TURNS = ("Generate", lambda n: generate(["a"] * n))
SCORE_TURNS = ("ScoreChoices", lambda n: score(contents=["a"] * n))
LISTEN_TURNS = ("Listen", lambda n: listen(["a"] * n))
CONTENT = "messages[0].content"
LIMITS = [
    Limit("audio: at most 32 MiB", "Caption", lambda size: caption(bytes(size)),
          32 << 20, (32 << 20) + 1, "audio.data", "send at most 32 MiB"),
    Limit("captioner: limit of 600 seconds", "Caption", lambda seconds: caption(lasting(seconds)),
          600, 601, "audio.data", "limit is 600 s"),
    Limit("captioner: At most 4096 characters", "Caption", lambda size: caption(lasting(1), "a" * size),
          4096, 4097, "prompt", "send at most 4096"),
    Limit("captioner: 1 to 64 clips", *CAPTIONS, 1, 0, "requests", "send 1 to 64"),
    Limit("captioner: up to 64 clips", *CAPTIONS, 64, 65, "requests", "send 1 to 64"),
    Limit("llm: 1 to 64 turns", *GENERATE_TURNS, 1, 0, "messages", "send 1 to 64"),
    Limit("llm: 1 to 64 turns", *GENERATE_TURNS, 64, 65, "messages", "send 1 to 64"),
    Limit("llm: 1 to 64 turns", *SCORE_TURNS, 1, 0, "messages", "send 1 to 64"),
    Limit("llm: 1 to 64 turns", *SCORE_TURNS, 64, 65, "messages", "send 1 to 64"),
    Limit("llm: at most 262144 characters", "Generate", lambda text: generate([text]),
          WORDS, WORDS + "a", CONTENT, "send at most 262144"),
    Limit("llm: 1 to 256 conversations", *GENERATIONS, 1, 0, "requests", "send 1 to 256"),
    Limit("llm: up to 256 conversations", *GENERATIONS, 256, 257, "requests", "send 1 to 256"),
    Limit("llm: 2 to 26 options", *SCORE_OPTIONS, 2, 1, "choices", "send 2 to 26"),
    Limit("llm: 2 to 26 options", *SCORE_OPTIONS, 26, 27, "choices", "send 2 to 26"),
    Limit("llm: at most 4096 characters", "ScoreChoices", lambda size: score(["a", "b" * size]),
          4096, 4097, "choices[1]", "4096 characters"),
    Limit("lalm: 1 to 64 conversations", *LISTENINGS, 1, 0, "requests", "send 1 to 64"),
    Limit("lalm: up to 64 conversations", *LISTENINGS, 64, 65, "requests", "send 1 to 64"),
    Limit("lalm: 1 to 64 turns", *LISTEN_TURNS, 1, 0, "messages", "send 1 to 64"),
    Limit("lalm: 1 to 64 turns", *LISTEN_TURNS, 64, 65, "messages", "send 1 to 64"),
    Limit("lalm: At most 262144 characters", "Listen", lambda text: listen([text]),
          WORDS, WORDS + "a", CONTENT, "send at most 262144"),
    Limit("lalm: at most 8 clips", "Listen", lambda clips: listen(clips=[clips], clip=lasting(1)),
          8, 9, "messages", "send at most 8"),
    Limit("lalm: At most 4096 characters", "Listen", lambda size: listen(clips=[1], clip=lasting(1), words="a" * size),
          4096, 4097, "messages[0].clips[0].transcript", "send at most 4096"),
    Limit("lalm: over 30 seconds", "Listen", lambda seconds: listen(clips=[1], clip=lasting(seconds)),
          30, 31, "messages[0].clips[0].audio.data", "limit is 30 s"),
    Limit("model: 1 to 4096", "Generate", lambda tokens: generate(max_tokens=tokens),
          4096, 4097, "sampling.max_tokens", "limit of 4096"),
    Limit("model: at most 2", "Generate", lambda value: generate(temperature=value),
          2, 2.01, "sampling.temperature", "0 to 2"),
    Limit("model: above 0", "Generate", lambda value: generate(top_p=value),
          0.01, -0.01, "sampling.top_p", "above 0"),
    Limit("model: at most 1", "Generate", lambda value: generate(top_p=value),
          1, 1.01, "sampling.top_p", "at most 1"),
    Limit("model: at most 8", "Generate", lambda n: generate(stop=["a"] * n),
          8, 9, "sampling.stop", "at most 8"),
    Limit("model: at most 64 characters", "Generate", lambda size: generate(stop=["a" * size]),
          64, 65, "sampling.stop", "1 to 64 characters"),
]  # fmt: skip


async def refusal(limit, value):
    """Calls the RPC; returns the error that it answers with, if any."""
    stub, servicer, config, engine = SERVED[limit.rpc.removesuffix("Batch")]
    server = serving(servicer(config, engine), ModelClient, application="any")
    async with server as client, channel(client.endpoint.address) as bare:
        try:
            await getattr(stub(bare), limit.rpc)(limit.request(value))
        except grpc.aio.AioRpcError as error:
            return error_of(error, "")
    return None


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{limit.stated} [{limit.rpc}]")
async def test_a_stated_limit_is_kept(limit):
    error = await refusal(limit, limit.beyond)
    assert isinstance(error, InvalidInput)
    assert error.field == limit.field
    assert limit.says in str(error)
    assert limit.says not in str(await refusal(limit, limit.within))


TESTED_BY_ITS_SERVICE = {
    "audio: At most 2048 characters",  # tests/earwitness/test_media.py
    "lalm: 2 to 26 options",  # tests/services/lalm/test_servicer.py, as the next
    "lalm: at most 256 characters",
    "llm: 1 to 16",  # tests/services/llm/test_limits.py, as the next
    "llm: at most 20",
    "llm: at most 256 characters",
    "llm: at most 65536 characters",
}


def test_every_limit_that_is_stated_is_tested():
    stated = {
        f"{file.stem}: {words}"
        for file in PROTO.glob("*.proto")
        if file.stem != "evaluator"  # whose limits are tested in tests/services/evaluator/test_run_limits.py
        for comment in re.findall(r"//(.*)", file.read_text())
        for words in LIMIT.findall(comment)
    }
    assert stated == {limit.stated for limit in LIMITS} | TESTED_BY_ITS_SERVICE
