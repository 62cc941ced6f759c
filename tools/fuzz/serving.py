"""`make fuzz-serving`: malformed and hostile requests and sounds against all three services, on plain servers.

python -m tools.fuzz.serving [--cases 100000] [--http 20000] [--sounds 2000] [--seed 0] [--out FILE]
python -m tools.fuzz.serving --replay 4711           # makes one case again and shows it
python -m tools.fuzz.serving --replay-sound 42 --keep FILE
"""

import argparse
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console

from earwitness import eventloop
from earwitness.access import Access
from earwitness.clients import CaptionerClient, LlmClient
from earwitness.conversation import Turn
from earwitness.errors import EarwitnessError
from earwitness.v1 import audio_pb2, captioner_pb2, lalm_pb2
from tools.fuzz import page, sounds, trial, web
from tools.fuzz.calls import RPCS, Arms, Case
from tools.fuzz.send import Lines
from tools.fuzz.sounds import Sound
from tools.fuzz.verdict import Verdict
from tools.serving.child import Child, child

QUESTION, ANSWER = "Is there a bell in this street?", "there a bell in this street?"


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """The servers, and what they are attacked with."""

    servers: Child
    arms: Arms
    lines: Lines
    http: aiohttp.ClientSession
    llm: LlmClient
    captioner: CaptionerClient

    async def sane(self) -> str:
        """Asks the LLM something, and returns what is wrong with the answer."""
        try:
            said = await self.llm.generate([Turn(role="user", content=QUESTION)])
        except EarwitnessError as error:
            return f"{type(error).__name__}: {error}"
        return "" if said.text.endswith(ANSWER) else f"it says {said.text[:80]!r}"

    async def call(self, seed: int, number: int) -> tuple[str, str, Verdict]:
        """Makes a gRPC case."""
        case = self.arms.case(seed, number)
        return case.kind, str(case), await self.lines.send(case)

    async def request(self, seed: int, number: int) -> tuple[str, str, Verdict]:
        """Makes an HTTP case."""
        asked = web.request(self.arms, seed, number)
        return asked.kind, str(asked), await web.send(self.http, self.servers.ready["http"], asked)

    async def sound(self, seed: int, number: int) -> tuple[str, str, Verdict]:
        """Sends a malformed file, to the captioner and the LALM in turn."""
        sound = sounds.malformed(seed, number)
        return sound.kind.partition(", ")[2], str(sound), await self.lines.send(_with_sound(self.arms, sound))


@asynccontextmanager
async def _range(folder: Path) -> AsyncGenerator[Range]:
    """Starts the servers in a folder with a clip, a link out of it and a pipe."""
    token, callers, allowed = secrets.token_hex(16), folder / "callers.yaml", folder / "allowed"
    callers.write_text(
        json.dumps(
            {"callers": [{"name": "fuzz", "token": token, "rights": ["llm", "captioner", "lalm", "reflection"]}]}
        )
    )
    allowed.mkdir()
    (folder / "secret").write_bytes(sounds.originals()["WAV PCM_16"])
    (allowed / "clip.wav").write_bytes(sounds.originals()["WAV PCM_16"])
    (allowed / "link").symlink_to(folder / "secret")
    os.mkfifo(allowed / "pipe")
    with child("tools.fuzz.served", str(callers), str(allowed), log=folder / "servers.log") as servers:
        lines, access = Lines(servers.ready), Access(token=token)
        llm = LlmClient.at(servers.ready["llm"], access=access)
        captioner = CaptionerClient.at(servers.ready["captioner"], access=access)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            arms = Arms(token=token, folder=allowed)
            yield Range(servers=servers, arms=arms, lines=lines, http=http, llm=llm, captioner=captioner)
        for each in (lines, llm, captioner):
            await each.close()


async def run(options: argparse.Namespace, console: Console) -> list[trial.Found]:
    """Runs the three trials, or makes one case again."""

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    seed, found = options.seed, list[trial.Found]()
    with tempfile.TemporaryDirectory(prefix="earwitness-fuzz-") as name:
        async with _range(Path(name)) as target:
            if options.replay is not None:
                say("\n".join(map(str, await target.call(seed, options.replay))))
            elif options.replay_sound is not None:
                say("\n".join(map(str, await target.sound(seed, options.replay_sound))))
            else:
                for title, count, send in (
                    ("gRPC requests", options.cases, target.call),
                    ("HTTP requests", options.http, target.request),
                    ("audio files", options.sounds, target.sound),
                ):
                    found.append(
                        await trial.run(
                            title,
                            range(count),
                            lambda number, send=send: send(seed, number),
                            target.sane,
                            target.servers,
                            say,
                        )
                    )
        tail = (Path(name) / "servers.log").read_text(errors="replace")
    page.unexpected(found, tail)
    return found


def _with_sound(arms: Arms, sound: Sound) -> Case:
    audio = audio_pb2.Audio(data=sound.data)
    if sound.number % 2:
        service, method, body = "captioner", "Caption", captioner_pb2.CaptionRequest(audio=audio).SerializeToString()
    else:
        clip = lalm_pb2.Clip(audio=audio)
        message = lalm_pb2.ListenMessage(role="user", content="What is this?", clips=[clip])
        service, method, body = "lalm", "Listen", lalm_pb2.ListenRequest(messages=[message]).SerializeToString()
    rpc = next(rpc for rpc in RPCS[service] if rpc.path.endswith(f"/{method}"))
    return Case(number=sound.number, kind=sound.kind, service=service, rpc=rpc, bodies=(body,), metadata=arms.pass_)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 1 where something did not hold."""
    options, console, started = _options(arguments), Console(), time.monotonic()
    if options.keep is not None:
        options.keep.write_bytes(sounds.malformed(options.seed, options.replay_sound).data)
    found = eventloop.run(run(options, console))
    if not found:
        return 0
    for line in page.lines(found, options.seed):
        console.print(line, highlight=False, markup=False)
    if options.out:
        page.write(options.out, found, seed=options.seed, minutes=(time.monotonic() - started) / 60)
    return 0 if page.held(found) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.fuzz.serving", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, help="over gRPC (default: 100000)")
    parser.add_argument("--http", type=int, help="over HTTP (default: 20000)")
    parser.add_argument("--sounds", type=int, help="malformed audio files (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="another one makes other cases (default: %(default)s)")
    parser.add_argument("--replay", type=int, metavar="NUMBER", help="make this gRPC case again, alone")
    parser.add_argument("--replay-sound", type=int, metavar="NUMBER", help="send this file again, alone")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="where to write that file")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the Markdown file to write")
    parser.add_argument("--quick", action="store_true", help="a hundredth of it")
    options = parser.parse_args(arguments)
    defaults = (1_000, 200, 40) if options.quick else (100_000, 20_000, 2_000)
    for name, value in zip(("cases", "http", "sounds"), defaults, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


if __name__ == "__main__":
    sys.exit(main())
