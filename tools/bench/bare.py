"""The floor: a client that asks and counts, and does nothing else. What a harness adds to it is the harness's cost.

    python -m tools.bench.bare http|grpc HOST:PORT ITEMS.jsonl --in-flight 256

It prints one JSON line: `wall_s` of the asking alone, `items`, and `right`, the answers that were the mock's.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import grpc.aio
import msgspec
import uvloop

from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2
from tools.bench.mock import ANSWER, MODEL
from tools.bench.workload import SYSTEM, prompt

MAX_TOKENS = 32
NUM_CHANNELS = 4
Ask = Callable[[str], Awaitable[str]]
"""Puts a user turn, gives the answer's text."""


async def measure(ask: Ask, prompts: list[str], in_flight: int) -> dict[str, float]:
    """Asks everything, `in_flight` at a time."""
    waiting = iter(prompts)
    right = 0

    async def worker() -> None:
        nonlocal right
        for text in waiting:
            answer = await ask(text)
            right += answer == ANSWER

    started = time.perf_counter()
    await asyncio.gather(*[worker() for _ in range(in_flight)])
    return {"wall_s": time.perf_counter() - started, "items": len(prompts), "right": right}


async def over_http(target: str, prompts: list[str], in_flight: int) -> dict[str, float]:
    """Asks over `/v1/chat/completions`: one aiohttp session, JSON by msgspec."""
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
    headers = {"content-type": "application/json"}
    url = f"http://{target}/v1/chat/completions"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def ask(text: str) -> str:
            turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
            body = encode({"model": MODEL, "messages": turns, "max_tokens": MAX_TOKENS, "temperature": 0})
            async with session.post(url, data=body) as response:
                return decode(await response.read())["choices"][0]["message"]["content"]

        return await measure(ask, prompts, in_flight)


async def over_grpc(target: str, prompts: list[str], in_flight: int) -> dict[str, float]:
    """Asks by unary `Generate` over several channels, each with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(target, options) for _ in range(NUM_CHANNELS)]
    stubs = itertools.cycle([llm_pb2_grpc.LlmServiceStub(channel) for channel in channels])
    sampling = model_pb2.Sampling(max_tokens=MAX_TOKENS)
    system = llm_pb2.ChatMessage(role="system", content=SYSTEM)

    async def ask(text: str) -> str:
        messages = [system, llm_pb2.ChatMessage(role="user", content=text)]
        response = await next(stubs).Generate(llm_pb2.GenerateRequest(messages=messages, sampling=sampling))
        return response.generation.text

    try:
        return await measure(ask, prompts, in_flight)
    finally:
        for channel in channels:
            await channel.close()


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wire", choices=("http", "grpc"))
    parser.add_argument("target", metavar="HOST:PORT")
    parser.add_argument("items", type=Path)
    parser.add_argument("--in-flight", type=int, default=256)
    options = parser.parse_args()
    rows = [msgspec.json.decode(line) for line in options.items.read_bytes().splitlines()]
    prompts = [prompt(row["question"], row["choices"]) for row in rows]
    run = over_http if options.wire == "http" else over_grpc
    print(json.dumps(uvloop.run(run(options.target, prompts, options.in_flight))))


if __name__ == "__main__":
    main()
