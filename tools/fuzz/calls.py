"""Hostile calls over gRPC: each a function of the seed and its number alone, so that any can be made again."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from earwitness.channel import MAX_MESSAGE_BYTES
from earwitness.v1 import captioner_pb2, lalm_pb2, llm_pb2, model_pb2
from tools.fuzz import messages, sounds
from tools.fuzz.mutation import mutate, noise

Metadata = tuple[tuple[str, str | bytes], ...]
FILES: dict[str, Sequence[Any]] = {
    "llm": (llm_pb2.DESCRIPTOR,),
    "captioner": (captioner_pb2.DESCRIPTOR,),
    "lalm": (lalm_pb2.DESCRIPTOR,),
}
EVERYWHERE: Sequence[Any] = (model_pb2.DESCRIPTOR, health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
SHARES = {"llm": 0.7, "captioner": 0.15, "lalm": 0.15}
PATIENCE_S = 120.0
"""The deadline of a call that is to be answered; one that is not is a hang."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rpc:
    """A method of one of the services."""

    path: str
    request: Any
    """The descriptor of its message."""
    streams_in: bool
    streams_out: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One call to make."""

    number: int
    kind: str
    """What is wrong with it."""
    service: str
    rpc: Rpc
    bodies: tuple[bytes, ...]
    """Its messages, of which only a method that takes a stream has more than one."""
    metadata: Metadata
    timeout_s: float = PATIENCE_S
    cut_after: int | None = None
    """After how many answers, or at once for 0, the caller goes away."""

    def __str__(self) -> str:
        size = sum(map(len, self.bodies))
        return f"case {self.number}, {self.kind}: {self.service} {self.rpc.path}, {size} bytes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """What cases are made with."""

    token: str
    """One that lets in."""
    folder: Path
    """One that the services read from."""

    def case(self, seed: int, number: int) -> Case:
        """Returns a case, always the same."""
        luck = random.Random(f"{seed}/{number}")
        service = luck.choices(list(SHARES), list(SHARES.values()))[0]
        rpc = luck.choice(RPCS[service])
        kind = luck.choices(list(KINDS), [share for share, _ in KINDS.values()])[0]
        return KINDS[kind][1](self, luck, Case(
            number=number, kind=kind, service=service, rpc=rpc, bodies=(b"",), metadata=self.pass_
        ))  # fmt: skip

    @property
    def pass_(self) -> Metadata:
        """Metadata that lets in."""
        return (("authorization", f"Bearer {self.token}"),)

    def body(self, luck: random.Random, rpc: Rpc, tame: float) -> bytes:
        """Returns a message of the method, with this share of values that anybody might mean."""
        filler = messages.Filler(luck=luck, tame=tame, blobs=sounds.blobs(), folder=str(self.folder))
        return messages.serialised(filler.fill(rpc.request))


def rpcs(service: str) -> list[Rpc]:
    """Returns all methods that a service's server has."""
    return [
        Rpc(
            path=f"/{each.full_name}/{method.name}",
            request=method.input_type,
            streams_in=method.client_streaming,
            streams_out=method.server_streaming,
        )
        for file in (*FILES[service], *EVERYWHERE)
        for each in file.services_by_name.values()
        for method in each.methods
    ]


RPCS = {service: rpcs(service) for service in FILES}
_UNKNOWN = (
    "",
    "/",
    "/x",
    "/earwitness.v1.LlmService/",
    "/earwitness.v1.LlmService/Generate/Generate",
    "/\u00e9/\u00e9",
)
Make = Callable[[Arms, random.Random, Case], Case]


def _random_bytes(arms: Arms, luck: random.Random, case: Case) -> Case:
    return _with(case, bodies=tuple(noise(luck) for _ in range(luck.randint(1, 3) if case.rpc.streams_in else 1)))


def _odd_fields(arms: Arms, luck: random.Random, case: Case) -> Case:
    tame, count = luck.choice((0.0, 0.5, 0.8, 0.9, 0.95)), 2 if case.rpc.streams_in else 1
    return _with(case, bodies=tuple(arms.body(luck, case.rpc, tame) for _ in range(count)))


def _mutated(arms: Arms, luck: random.Random, case: Case) -> Case:
    return _with(case, bodies=(mutate(luck, arms.body(luck, case.rpc, 1.0)),))


def _metadata(arms: Arms, luck: random.Random, case: Case) -> Case:
    """Tokens that are nobody's, doubled, of another kind; headers that are long, binary or Ray Serve's own."""
    own, text = arms.pass_, "".join(luck.choices("abc:;,= %\"'", k=luck.choice((0, 1, 20, 600, 6000))))
    choices: tuple[Metadata, ...] = (
        (),
        own + own,
        (("authorization", text),),
        (("authorization", f"Bearer {text.strip() or 'x'}"),),
        (("authorization", f"Basic {arms.token}"),),
        (("authorization", f"Bearer {arms.token}x"),),
        (*own, ("application", text)),
        (*own, ("request_id", text)),
        (*own, ("traceparent", text)),
        (*own, ("odd-bin", luck.randbytes(300))),
        (*own, *[(f"x-{number}", "y") for number in range(100)]),
        (*own, ("long", "z" * 20_000)),
    )
    return _with(case, bodies=(arms.body(luck, case.rpc, 1.0),), metadata=luck.choice(choices))


def _late(arms: Arms, luck: random.Random, case: Case) -> Case:
    return _with(
        case, bodies=(arms.body(luck, case.rpc, 1.0),), timeout_s=luck.choice((-1.0, 0.0, 1e-6, 0.0005, 0.002, 0.01))
    )


def _left(arms: Arms, luck: random.Random, case: Case) -> Case:
    return _with(case, bodies=(arms.body(luck, case.rpc, 1.0),), cut_after=luck.choice((0, 0, 1)))


def _another_method(arms: Arms, luck: random.Random, case: Case) -> Case:
    """A body of one method sent to another, or to one that there is not."""
    path = luck.choice((*(rpc.path for rpc in RPCS[luck.choice(list(RPCS))]), *_UNKNOWN[1:5]))
    known = {rpc.path: rpc for rpc in RPCS[case.service]}
    rpc = known.get(path, Rpc(path=path, request=case.rpc.request, streams_in=False, streams_out=False))
    return _with(case, rpc=rpc, bodies=(arms.body(luck, case.rpc, 1.0),))


def _too_large(arms: Arms, luck: random.Random, case: Case) -> Case:
    return _with(case, bodies=(b"\0" * (MAX_MESSAGE_BYTES + 1),))


def _with(case: Case, **changes: object) -> Case:
    from dataclasses import replace

    return replace(case, **changes)  # pyright: ignore[reportArgumentType]


KINDS: dict[str, tuple[float, Make]] = {
    "random bytes": (0.2, _random_bytes),
    "odd fields": (0.25, _odd_fields),
    "mutated message": (0.25, _mutated),
    "metadata": (0.1, _metadata),
    "deadline": (0.06, _late),
    "caller gone": (0.06, _left),
    "another method": (0.08, _another_method),
    "too large": (0.0005, _too_large),
}
"""By name: the share of the cases, and what makes one."""
