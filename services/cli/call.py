"""`earwitness call`: one question to a running service, as another team would ask it."""

import argparse
import asyncio
import dataclasses
from pathlib import Path
from typing import Any

from earwitness.errors import InvalidInput, NotFound

ADDRESS = "127.0.0.1:9000"


def register(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser("call", help="call a running service: caption, generate or listen")
    calls = command.add_subparsers(title="calls", metavar="CALL", required=True)
    caption = calls.add_parser("caption", help="describe a clip")
    caption.add_argument("clip", type=Path)
    caption.set_defaults(execute=execute, ask=_caption)
    generate = calls.add_parser("generate", help="ask the language model")
    generate.add_argument("prompt")
    generate.set_defaults(execute=execute, ask=_generate)
    listen = calls.add_parser("listen", help="ask the audio language model about a clip")
    listen.add_argument("clip", type=Path)
    listen.add_argument("prompt")
    listen.set_defaults(execute=execute, ask=_listen)
    for each in (caption, generate, listen):
        each.add_argument("--address", default=ADDRESS, help="of the gRPC ingress (default: %(default)s)")
        each.add_argument("--application", default="", help="the Serve application, where it has another name")
        each.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS")
        each.add_argument("--tls", action="store_true", help="speak TLS, and trust the roots that come with gRPC")
        each.add_argument("--tls-ca", type=Path, metavar="FILE", help="speak TLS, and trust these, PEM")
        each.add_argument("--tls-cert", type=Path, metavar="FILE", help="a certificate of your own, for mutual TLS")
        each.add_argument("--tls-key", type=Path, metavar="FILE", help="its key")
        each.add_argument("--token-file", type=Path, metavar="FILE", help="the bearer token (or EARWITNESS_TOKEN)")
    for each in (generate, listen):
        each.add_argument("--max-tokens", type=int, default=256)


def execute(options: argparse.Namespace) -> None:
    """Asks and prints the answer."""
    print(asyncio.run(options.ask(options)))


async def _caption(options: argparse.Namespace) -> str:
    from earwitness.clients import CaptionerClient

    client = CaptionerClient.at(options.address, **_connection(options))
    try:
        return (await client.caption(_bytes(options.clip))).text
    finally:
        await client.close()


async def _generate(options: argparse.Namespace) -> str:
    from earwitness.clients import LlmClient
    from earwitness.conversation import Turn
    from earwitness.sampling import Sampling

    client = LlmClient.at(options.address, **_connection(options))
    try:
        turns = [Turn(role="user", content=options.prompt)]
        return (await client.generate(turns, Sampling(max_tokens=options.max_tokens))).text
    finally:
        await client.close()


async def _listen(options: argparse.Namespace) -> str:
    from earwitness.clients import LalmClient, SpokenTurn
    from earwitness.conversation import Turn
    from earwitness.sampling import Sampling

    client = LalmClient.at(options.address, **_connection(options))
    try:
        turn = Turn(role="user", content=options.prompt)
        spoken = SpokenTurn(turn=turn, clips=(_bytes(options.clip),))
        return (await client.listen([spoken], Sampling(max_tokens=options.max_tokens))).generation.text
    finally:
        await client.close()


def _connection(options: argparse.Namespace) -> dict[str, Any]:
    """Returns how to reach the service: options before the environment."""
    from earwitness.access import Access

    asked = {
        "tls": options.tls,
        "ca": options.tls_ca,
        "cert": options.tls_cert,
        "key": options.tls_key,
        "token_file": options.token_file,
    }
    given = {name: value for name, value in asked.items() if value}
    access = dataclasses.replace(Access.from_environment(), **given)
    return {"application": options.application, "timeout_s": options.timeout, "access": access, "num_channels": 1}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound("no such audio file", str(path), "check the path") from None
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", str(path)) from None
