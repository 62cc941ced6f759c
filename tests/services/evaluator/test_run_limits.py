"""Every limit that a comment in `evaluator.proto` states, over real gRPC: what is just within it passes, what is just
beyond is refused with the limit and the field.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from earwitness.channel import error_of
from earwitness.errors import InvalidInput
from earwitness.v1 import evaluator_pb2 as pb
from earwitness.v1 import evaluator_pb2_grpc, model_pb2
from tests.services.evaluator.evaluating import evaluating
from tests.serving import channel

PROTO = Path(__file__).parents[3] / "proto" / "earwitness" / "v1" / "evaluator.proto"
LIMIT = re.compile(r"at most \d+|\d+ to \d+", re.IGNORECASE)
NOBODY = pb.RunTargets(llm="127.0.0.1:1")


class Limit(NamedTuple):
    """A limit, a request with as much of it as is asked for, how much is just within and beyond, and the refusal."""

    stated: str
    """The comment's words, after the name of its field."""
    rpc: str
    request: Callable[[Any], Any]
    within: Any
    beyond: Any
    field: str
    says: str


def created(**changes):
    return pb.CreateRunRequest(spec=pb.RunSpec(**{"benchmark": "mini-akb", "setting": "text", **changes}))


def planned(field):
    return lambda value: created(targets=NOBODY, plan=pb.RunPlan(**{field: value}))


def targeted(kind):
    return lambda size: created(targets=pb.RunTargets(**{kind: f"{'a' * (size - 5)}:9000"}))


def named(id, **changes):
    return pb.CreateRunRequest(spec=created(**changes).spec, id=id)


def sampled(**sampling):
    return created(plan=pb.RunPlan(sampling=model_pb2.Sampling(**sampling)))


def token(size):
    """A token of a page, or one character more."""
    return pb.ListRunsRequest(page_token="MS4wOmFh" + "YWFh" * ((size - 8) // 4) + "A" * (size % 4))


def spread(field):
    return lambda size: created(**{field: "a" * size})


LIMITS = [
    Limit("benchmark: 1 to 64", "CreateRun", spread("benchmark"), 1, 0, "spec.benchmark", "send 1 to 64"),
    Limit("benchmark: 1 to 64", "CreateRun", spread("benchmark"), 64, 65, "spec.benchmark", "send 1 to 64"),
    Limit("data: At most 1024", "CreateRun", spread("data"), 1024, 1025, "spec.data", "send at most 1024"),
    Limit("overlay: At most 1024", "CreateRun", spread("overlay"), 1024, 1025, "spec.overlay", "send at most 1024"),
    *[
        Limit(f"{kind}: At most 256", "CreateRun", targeted(kind), 256, 257, f"spec.targets.{kind}", "send at most 256")
        for kind in ("llm", "captioner", "lalm")
    ],
    *[
        Limit(f"{name}: At most 64", "CreateRun", lambda size, name=name: planned(name)("a" * size),
              64, 65, f"spec.plan.{name}", "send at most 64")
        for name in ("prompt", "caption_prompt")
    ],
    Limit("rotation: 1 to 25", "CreateRun", planned("rotation"), 25, 26, "spec.plan.rotation", "send 1 to 25"),
    Limit("sample: At most 9999", "CreateRun", planned("sample"), 9999, 10000, "spec.plan.sample", "send 0 to 9999"),
    Limit("in_flight: 1 to 4096", "CreateRun", planned("in_flight"),
          4096, 4097, "spec.plan.in_flight", "send 1 to 4096"),
    Limit("id: At most 60", "CreateRun", lambda size: named("a" * size, targets=NOBODY),
          60, 61, "id", "send at most 60"),
    Limit("page_size: 1 to 100", "ListRuns", lambda size: pb.ListRunsRequest(page_size=size),
          100, 101, "page_size", "send 1 to 100"),
    Limit("page_token: At most 256", "ListRuns", token,
          256, 257, "page_token", "send at most 256"),
]  # fmt: skip
REFUSED = [
    (created(setting="smell"), "spec.setting", "text, cascade, audio"),
    (created(plan=pb.RunPlan(answering="loudly")), "spec.plan.answering", "generate, letters, options"),
    (created(plan=pb.RunPlan(control="remote")), "spec.plan.control", "none, blind, shuffle"),
    (created(data="a\0b"), "spec.data", "cannot be printed"),
    (created(targets=pb.RunTargets(llm="unix:/var/run/docker.sock")), "spec.targets.llm", "is no target"),
    (created(targets=pb.RunTargets(llm="file:///etc/passwd")), "spec.targets.llm", "host:port"),
    (sampled(max_tokens=4097), "spec.plan.sampling.max_tokens", "4096"),
    (sampled(temperature=float("nan")), "spec.plan.sampling.temperature", "0 to 2"),
    (pb.CreateRunRequest(), "spec.benchmark", "send 1 to 64"),
    (named("../up"), "id", "a letter or digit"),
    (named("Upper"), "id", "a-z"),
    (pb.GetRunRequest(id="a\0b"), "id", "cannot name a run"),
    (pb.CancelRunRequest(), "id", "cannot name a run"),
    (pb.ListRunsRequest(page_token="not a token"), "page_token", "next_page_token"),
    (pb.ListRunsRequest(page_token="AAAA"), "page_token", "next_page_token"),
    (pb.ListRunsRequest(state=99), "state", "1 QUEUED"),
]  # fmt: skip


@pytest.fixture
async def refusal(tmp_path):
    """Calls an RPC; returns the error that it answers with, if any."""
    async with evaluating(tmp_path) as (client, _), channel(client.address) as bare:
        stub = evaluator_pb2_grpc.EvaluatorServiceStub(bare)

        async def call(request):
            try:
                await getattr(stub, type(request).__name__.removesuffix("Request"))(request)
            except grpc.aio.AioRpcError as error:
                return error_of(error, "")
            return None

        yield call


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{limit.stated} [{limit.beyond}]")
async def test_a_stated_limit_is_kept(refusal, limit):
    error = await refusal(limit.request(limit.beyond))
    assert isinstance(error, InvalidInput)
    assert error.field == limit.field
    assert limit.says in str(error)
    assert limit.says not in str(await refusal(limit.request(limit.within)))


@pytest.mark.parametrize(("request_", "field", "says"), REFUSED, ids=lambda value: str(value)[:40])
async def test_what_can_never_be_is_refused_by_its_field(refusal, request_, field, says):
    error = await refusal(request_)
    assert isinstance(error, InvalidInput)
    assert error.field == field
    assert says in str(error)


async def test_a_request_of_a_megabyte_is_not_even_read(refusal):
    assert "larger than max" in str(await refusal(created(data="a" * (1 << 20))))


def test_every_limit_that_is_stated_is_tested():
    stated, words = set(), []
    for line in PROTO.read_text().splitlines():
        if comment := re.search(r"//(.*)", line):
            words += LIMIT.findall(comment[1])
        elif field := re.search(r"(\w+) = \d+;", line):
            stated |= {f"{field[1]}: {each}" for each in words}
            words = []
    assert stated == {limit.stated for limit in LIMITS}
