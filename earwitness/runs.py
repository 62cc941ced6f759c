"""Runs of the evaluator service as values, and those values on the wire.

A RunSpec says what is asked for, a RunStatus what came of it. The limits that `proto/` states are enforced here, before
any work; whether a benchmark, a prompt or a file exists is the evaluator's to know.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, cast, get_args

from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling
from earwitness.v1 import evaluator_pb2 as pb
from earwitness.wire import sampling_from, sampling_to

MAX_NAME, MAX_PATH, MAX_TARGET, MAX_ID = 64, 1024, 256, 60
MAX_ROTATION, MAX_SAMPLE, MAX_IN_FLIGHT = 25, 9999, 4096
DEFAULT_IN_FLIGHT, DEFAULT_TOKENS = 256, 32
DECIMALS = 6
"""Of sampling's numbers: the wire's 32 bits make 0.699999988 of 0.7, which would be another answer in the ledger."""
TARGETS = ("llm", "captioner", "lalm")
ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
TARGET = re.compile(r"openai:[\w.@/+-]+|[\w.-]+:\d{1,5}|\[[0-9a-fA-F:.]+\]:\d{1,5}")
"""`host:port` or `openai:NAME`: gRPC would take the path of a socket too."""
SettingName = Literal["text", "cascade", "audio"]
AnsweringName = Literal["generate", "letters", "options"]
ControlName = Literal["none", "blind", "shuffle"]


class RunState(StrEnum):
    """Where a run stands; `proto/earwitness/v1/evaluator.proto` says what each means."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    CANCELLING = "cancelling"

    @property
    def is_final(self) -> bool:
        """Whether it stays."""
        return self in (RunState.DONE, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSpec:
    """One benchmark in one setting, asked of one backbone's services; "" leaves the choice to the server."""

    benchmark: str
    setting: SettingName
    data: str = ""
    """Relative to the server's data folder, as is `overlay`."""
    overlay: str = ""
    llm: str = ""
    captioner: str = ""
    lalm: str = ""
    prompt: str = ""
    caption_prompt: str = ""
    answering: AnsweringName = "generate"
    control: ControlName = "none"
    rotation: int = 1
    sample: int = 0
    thinking: bool = False
    in_flight: int = DEFAULT_IN_FLIGHT
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=DEFAULT_TOKENS))


@dataclass(frozen=True, kw_only=True, slots=True)
class RunProgress:
    """How far a run is, in its present start."""

    done: int = 0
    total: int = 0
    reused: int = 0
    failed: int = 0
    retries: int = 0
    in_flight: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    captions: int = 0
    audio_seconds: float = 0.0
    items_per_second: float = 0.0
    eta_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTally:
    """Items by outcome: the five sum up to `n`."""

    n: int = 0
    correct: int = 0
    wrong: int = 0
    unparsed: int = 0
    truncated: int = 0
    failed: int = 0
    official: int = 0
    withheld: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStatus:
    """A run as the evaluator knows it."""

    id: str
    spec: RunSpec
    state: RunState
    created_at: float
    """Seconds since 1970."""
    progress: RunProgress = field(default_factory=RunProgress)
    tally: RunTally = field(default_factory=RunTally)
    error: str = ""
    backbone: str = ""
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    """Failed calls by kind, in its present start; not on the wire."""


def spec_from(message: pb.RunSpec) -> RunSpec:
    """Reads and checks a request's spec; raises InvalidInput that names the field and its limit."""
    targets, plan = message.targets, message.plan
    asked: dict[str, str] = {name: _target(getattr(targets, name), f"spec.targets.{name}") for name in TARGETS}
    return RunSpec(
        benchmark=_text(message.benchmark, "spec.benchmark", MAX_NAME, fewest=1),
        setting=_choice(message.setting, SettingName, "spec.setting"),
        data=_text(message.data, "spec.data", MAX_PATH),
        overlay=_text(message.overlay, "spec.overlay", MAX_PATH),
        **asked,
        prompt=_text(plan.prompt, "spec.plan.prompt", MAX_NAME),
        caption_prompt=_text(plan.caption_prompt, "spec.plan.caption_prompt", MAX_NAME),
        answering=_choice(plan.answering or "generate", AnsweringName, "spec.plan.answering"),
        control=_choice(plan.control or "none", ControlName, "spec.plan.control"),
        rotation=_number(plan.rotation or 1, "spec.plan.rotation", 1, MAX_ROTATION),
        sample=_number(plan.sample, "spec.plan.sample", 0, MAX_SAMPLE),
        thinking=plan.thinking,
        in_flight=_number(plan.in_flight or DEFAULT_IN_FLIGHT, "spec.plan.in_flight", 1, MAX_IN_FLIGHT),
        sampling=_sampling(plan) if plan.HasField("sampling") else Sampling(max_tokens=DEFAULT_TOKENS),
    )


def id_from(text: str) -> str:
    """Checks the name that a client chose for a run; raises InvalidInput."""
    if len(text) > MAX_ID or not ID.fullmatch(text):
        remedy = f'send at most {MAX_ID} of a-z, 0-9, ".", "_" and "-", the first a letter or digit'
        raise InvalidInput(f"{text[:MAX_ID]!r} cannot name a run", "id", remedy)
    return text


def spec_to(spec: RunSpec) -> pb.RunSpec:
    """Writes a spec for the wire."""
    return pb.RunSpec(
        benchmark=spec.benchmark,
        setting=spec.setting,
        data=spec.data,
        overlay=spec.overlay,
        targets=pb.RunTargets(llm=spec.llm, captioner=spec.captioner, lalm=spec.lalm),
        plan=pb.RunPlan(
            prompt=spec.prompt,
            caption_prompt=spec.caption_prompt,
            answering=spec.answering,
            control=spec.control,
            rotation=spec.rotation,
            sample=spec.sample,
            thinking=spec.thinking,
            in_flight=spec.in_flight,
            sampling=sampling_to(spec.sampling),
        ),
    )


def status_to(status: RunStatus) -> pb.Run:
    """Writes a run for the wire."""
    run = pb.Run(
        id=status.id,
        spec=spec_to(status.spec),
        state=state_to(status.state),
        progress=pb.RunProgress(**_fields(status.progress, RunProgress)),
        tally=pb.RunTally(**_fields(status.tally, RunTally)),
        error=status.error,
        backbone=status.backbone,
    )
    run.create_time.FromMicroseconds(round(status.created_at * 1e6))
    return run


def status_from(message: pb.Run) -> RunStatus:
    """Reads a run from the wire."""
    state = state_from(message.state)
    eta = message.progress.eta_seconds if message.progress.HasField("eta_seconds") else None
    progress = _fields(message.progress, RunProgress)
    return RunStatus(
        id=message.id,
        spec=spec_from(message.spec),
        state=state or RunState.QUEUED,
        created_at=message.create_time.ToMicroseconds() / 1e6,
        progress=replace(RunProgress(**progress), eta_seconds=eta),
        tally=RunTally(**_fields(message.tally, RunTally)),
        error=message.error,
        backbone=message.backbone,
    )


def state_to(state: RunState) -> pb.RunState:
    """Writes a state for the wire."""
    return cast(pb.RunState, pb.RunState.Value(f"RUN_STATE_{state.name}"))


def state_from(number: int) -> RunState | None:
    """Reads a state, None for none in particular; raises InvalidInput for a number that is no state."""
    if number not in pb.RunState.values():
        known = ", ".join(f"{value} {name.removeprefix('RUN_STATE_')}" for name, value in pb.RunState.items())
        raise InvalidInput(f"{number} is no state", "state", f"send one of {known}")
    return RunState[pb.RunState.Name(number).removeprefix("RUN_STATE_")] if number else None


def _fields(value: object, kind: type[RunProgress | RunTally]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in kind.__dataclass_fields__}


def _text(text: str, name: str, most: int, *, fewest: int = 0) -> str:
    if not fewest <= len(text) <= most:
        limits = f"{fewest} to {most}" if fewest else f"at most {most}"
        raise InvalidInput(f"{len(text)} characters", name, f"send {limits}")
    if not text.isprintable():
        raise InvalidInput("holds a character that cannot be printed", name, "leave it out")
    return text


def _target(text: str, name: str) -> str:
    if _text(text, name, MAX_TARGET) and not TARGET.fullmatch(text):
        raise InvalidInput(f"{text!r} is no target", name, "send host:port, or openai:NAME of the endpoint catalogue")
    return text


def _number(number: int, name: str, least: int, most: int) -> int:
    if not least <= number <= most:
        raise InvalidInput(f"{number} is not within the limits", name, f"send {least} to {most}")
    return number


def _choice(text: str, kind: Any, name: str) -> Any:
    known: Sequence[str] = get_args(kind)
    if text not in known:
        raise InvalidInput(f"unknown {text[:40]!r}", name, f"use one of {', '.join(known)}")
    return text


def _sampling(plan: pb.RunPlan) -> Sampling:
    try:
        read = sampling_from(plan.sampling)
    except InvalidInput as error:
        raise InvalidInput(error.message, f"spec.plan.{error.field}", error.remedy) from None
    return Sampling(
        max_tokens=read.max_tokens,
        temperature=round(read.temperature, DECIMALS),
        top_p=round(read.top_p, DECIMALS),
        seed=read.seed,
        stop=read.stop,
    )
