"""Sends cases, and judges what comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from tools.fuzz import verdict
from tools.fuzz.calls import PATIENCE_S, Case
from tools.fuzz.verdict import Verdict

HANG_S = 150.0
"""Longer than any deadline: what is not over by then never is."""
MOST_ANSWERS = 64
UNHURRIED_S = 0.02
"""Before each message of a stream, so that a refusal can be read: see `verdict`."""
_END: Any = getattr(grpc.aio, "EOF")  # noqa: B009 (types-grpcio lacks it)


class Lines:
    """Open channels to the services, by their names."""

    def __init__(self, addresses: dict[str, str]) -> None:
        options = [("grpc.max_send_message_length", 256 << 20), ("grpc.use_local_subchannel_pool", 1)]
        self._channels = {name: grpc.aio.insecure_channel(address, options) for name, address in addresses.items()}

    async def close(self) -> None:
        """Closes them."""
        for channel in self._channels.values():
            await channel.close()

    async def send(self, case: Case) -> Verdict:
        """Makes the call and judges its end."""
        try:
            async with asyncio.timeout(HANG_S):
                return await self._send(case)
        except TimeoutError:
            return Verdict(ending="none", fault=f"no answer in {HANG_S:g} s")

    async def _send(self, case: Case) -> Verdict:
        call = _begin(self._channels[case.service], case)
        try:
            await _receive(call, case)
            code, message, trailing = grpc.StatusCode.OK, "", ()
            if case.cut_after is not None:
                return Verdict(ending="left")
        except grpc.aio.AioRpcError as error:
            code, message, trailing = error.code(), error.details() or "", error.trailing_metadata()
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():  # pyright: ignore[reportOptionalMemberAccess]
                raise
            return Verdict(ending="left")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED and case.timeout_s >= PATIENCE_S:
            return Verdict(ending="none", fault=f"no answer in {case.timeout_s:g} s")
        return verdict.of_grpc(code.name, message, trailing)


def _begin(channel: grpc.aio.Channel, case: Case) -> Any:
    """Begins the call; bodies and answers stay bytes."""
    rpc = case.rpc
    kind = f"{'stream' if rpc.streams_in else 'unary'}_{'stream' if rpc.streams_out else 'unary'}"
    method: Any = getattr(channel, kind)(rpc.path)
    sent = _bodies(case) if rpc.streams_in else case.bodies[0]
    return method(sent, metadata=case.metadata, timeout=case.timeout_s)


async def _bodies(case: Case) -> AsyncIterator[bytes]:
    for body in case.bodies:
        await asyncio.sleep(UNHURRIED_S)
        yield body


async def _receive(call: Any, case: Case) -> None:
    """Reads answers until the call ends or its caller leaves; a stream that never ends is left after some."""
    if not case.rpc.streams_out:
        if case.cut_after is not None:
            await asyncio.sleep(0.001 * case.cut_after)
            call.cancel()
        await call
        return
    most = MOST_ANSWERS if case.cut_after is None else case.cut_after
    if case.rpc.path.endswith("/Watch"):
        most = min(most, 1)
    with contextlib.closing(_Cancelled(call)):
        count = 0
        while count < most and await call.read() is not _END:
            count += 1
        if count < most:
            await _raise_status(call)


async def _raise_status(call: Any) -> None:
    """Raises what a stream that has ended ended with."""
    code = await call.code()
    if code is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            code, await call.initial_metadata(), await call.trailing_metadata(), details=await call.details()
        )


class _Cancelled:
    """Cancels a call when it is closed."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def close(self) -> None:
        self._call.cancel()
