"""Whatever the proto offers, a client asks for and hands back: its descriptors are walked beside what is sent."""

import dataclasses
import importlib
import itertools
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from earwitness import v1
from earwitness.clients import CaptionerClient, LalmClient, LlmClient, ModelClient, SpokenTurn
from earwitness.conversation import Turn
from earwitness.evaluator_client import EvaluatorClient
from earwitness.runs import RunSpec, RunState, RunStatus, status_to
from earwitness.sampling import Extras, Sampling

MODULES = [
    importlib.import_module(f"{v1.__name__}.{module.name}")
    for module in pkgutil.iter_modules(v1.__path__)
    if module.name.endswith("_pb2")
]
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for module in MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
TURNS = [Turn(role="user", content="Which?")]
OPTIONS = ["rain", "hail"]
SAMPLING = Sampling(max_tokens=3, temperature=0.5, top_p=0.25, seed=7, stop=("\n",))
EVERYTHING = {
    "sampling": SAMPLING,
    "thinking": True,
    "extras": Extras(adapter="birds", top_logprobs=2, json_schema="{}"),
}
SPOKEN = [SpokenTurn(turn=TURNS[0], clips=(b"RIFF", "https://clips.example/a.flac"), transcripts=("a word", None))]
SPEC = RunSpec(
    benchmark="birds",
    setting="text",
    data="birds.jsonl",
    overlay="overlay.jsonl",
    llm="a:1",
    captioner="a:2",
    lalm="a:3",
    prompt="p",
    caption_prompt="c",
    control="shuffle",
    rotation=2,
    sample=1,
    thinking=True,
    in_flight=8,
    sampling=SAMPLING,
)


async def pieces_of(stream):
    async with aclosing(stream) as pieces:
        return [piece async for piece in pieces]


CALLS = {
    "/earwitness.v1.ModelService/GetModelInfo": (ModelClient, lambda c: c.info("birds")),
    "/earwitness.v1.CaptionerService/Caption": (
        CaptionerClient,
        lambda c: c.caption(b"RIFF", "How many birds?"),
        lambda c: c.caption("s3://sounds/a.flac"),
    ),
    "/earwitness.v1.CaptionerService/CaptionBatch": (
        CaptionerClient,
        lambda c: c.caption_batch([b"RIFF"], "How many birds?"),
        lambda c: c.caption_batch(["s3://sounds/a.flac"]),
    ),
    "/earwitness.v1.LlmService/Generate": (LlmClient, lambda c: c.generate_n(TURNS, 2, **EVERYTHING)),
    "/earwitness.v1.LlmService/GenerateBatch": (LlmClient, lambda c: c.generate_batch([TURNS], **EVERYTHING)),
    "/earwitness.v1.LlmService/GenerateStream": (LlmClient, lambda c: pieces_of(c.stream(TURNS, **EVERYTHING))),
    "/earwitness.v1.LlmService/ScoreChoices": (
        LlmClient,
        lambda c: c.score_choices(TURNS, OPTIONS, by="both", adapter="birds"),
    ),
    "/earwitness.v1.LlmService/ScoreChoicesBatch": (
        LlmClient,
        lambda c: c.score_choices_batch([(TURNS, OPTIONS)], by="both", adapter="birds"),
    ),
    "/earwitness.v1.LalmService/Listen": (LalmClient, lambda c: c.listen(SPOKEN, SAMPLING, thinking=True)),
    "/earwitness.v1.LalmService/ListenBatch": (
        LalmClient,
        lambda c: c.listen_batch([SPOKEN], SAMPLING, thinking=True),
    ),
    "/earwitness.v1.LalmService/ScoreChoicesAudio": (LalmClient, lambda c: c.score_choices(SPOKEN, OPTIONS)),
    "/earwitness.v1.EvaluatorService/CreateRun": (EvaluatorClient, lambda c: c.create(SPEC, "mine")),
    "/earwitness.v1.EvaluatorService/GetRun": (EvaluatorClient, lambda c: c.get("mine")),
    "/earwitness.v1.EvaluatorService/WatchRun": (EvaluatorClient, lambda c: pieces_of(c.watch("mine"))),
    "/earwitness.v1.EvaluatorService/ListRuns": (EvaluatorClient, lambda c: c.list(5, "next", RunState.DONE)),
    "/earwitness.v1.EvaluatorService/CancelRun": (EvaluatorClient, lambda c: c.cancel("mine")),
}
NOT_HERE = {
    "/earwitness.v1.LlmService/GenerateBatch": {"n", "more"},
    "/earwitness.v1.LlmService/GenerateStream": {"n"},
    "/earwitness.v1.LalmService/ScoreChoicesAudio": {"letter"},
}
"""Fields that an RPC has by sharing a message with another: batches and streams hold one answer to a conversation."""


def test_every_rpc_has_a_client():
    assert CALLS.keys() == METHODS.keys()


@pytest.mark.parametrize("path", CALLS)
async def test_every_field_of_a_request_is_sent_and_every_field_of_an_answer_is_handed_back(path):
    client, *calls = CALLS[path]
    async with recording() as (address, received, sent):
        caller = client(address) if client is EvaluatorClient else client.at(address, application="any")
        results = [await call(caller) for call in calls]
        await caller.close()
    assert {name for name, _ in received} == {path}
    not_here = NOT_HERE.get(path, set())
    asked = {name for _, request in received for name in fields_set(request)}
    assert {name for name in fields_of(METHODS[path].input_type) if name.rpartition(".")[2] not in not_here} <= asked
    if client is EvaluatorClient:  # a run's fields depend on each other, so that no filled one would be a run
        return
    handed = set(leaves(results))
    answered = [each for response in sent for each in values_set(response) if not not_here & set(each[0].split("."))]
    assert answered
    assert [name for name, value in answered if value not in handed] == []


@asynccontextmanager
async def recording():
    """Serves every RPC of the proto with answers of which every field is set; yields what was received and sent."""
    received, sent = [], []

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            method = METHODS[details.method]
            request = GetMessageClass(method.input_type)

            def answer(message):
                received.append((details.method, message))
                sent.append(answer_of(method))
                return sent[-1]

            async def unary(message, context):
                return answer(message)

            async def stream(message, context):
                yield answer(message)

            make = (
                grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
            )
            return make(stream if method.server_streaming else unary, request.FromString, _serialize)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}", received, sent
    await server.stop(None)


def _serialize(message):
    return message.SerializeToString()


def answer_of(method):
    """Returns an answer with a value of its own in every field; a run, of the evaluator."""
    if method.containing_service.name != "EvaluatorService":
        return filled(GetMessageClass(method.output_type), itertools.count(1))
    run = status_to(RunStatus(id="mine", spec=SPEC, state=RunState.DONE, created_at=0.0))
    kind = GetMessageClass(method.output_type)
    return kind(runs=[run]) if "runs" in kind.DESCRIPTOR.fields_by_name else kind(run=run)


def filled(kind: type[Message], numbers: Iterator[int]) -> Message:
    fields = {}
    for field in kind.DESCRIPTOR.fields:
        if field.containing_oneof and field.containing_oneof.fields[0] is not field:
            continue  # one of the two: a result is a response, or an error, which is raised
        value = _value(field, numbers)
        if _is_map(field):
            fields[field.name] = {value.key: value.value}
        else:
            fields[field.name] = [value] if field.is_repeated else value
    return kind(**fields)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _value(field: FieldDescriptor, numbers: Iterator[int]) -> object:
    if field.message_type:
        return filled(GetMessageClass(field.message_type), numbers)
    number = next(numbers)
    return {
        FieldDescriptor.CPPTYPE_STRING: f"text {number}",
        FieldDescriptor.CPPTYPE_DOUBLE: number + 0.5,
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_ENUM: field.enum_type.values[-1].number if field.enum_type else 0,
    }.get(field.cpp_type, number)


def fields_of(kind: Descriptor) -> Iterator[str]:
    for field in kind.fields:
        yield field.full_name
        if field.message_type:
            yield from fields_of(field.message_type)


def fields_set(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        yield field.full_name
        if field.message_type:
            for each in value if field.is_repeated else [value]:
                yield from fields_set(each)


def values_set(message: Message, place: str = "") -> Iterator[tuple[str, object]]:
    """Yields every field with its value; of an enumeration, the value's name as the clients say it."""
    for field, value in message.ListFields():
        where = f"{place}.{field.name}"
        if _is_map(field):
            yield from ((where, each) for pair in value.items() for each in pair)
            continue
        for each in value if field.is_repeated else [value]:
            if field.message_type:
                yield from values_set(each, where)
            elif field.enum_type:
                yield where, field.enum_type.values_by_number[each].name.rpartition("_")[2].lower()
            else:
                yield where, each


def leaves(value: object) -> Iterator[object]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from leaves(value.items())
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for each in value:
            yield from leaves(each)
    else:
        yield value
