"""Batch RPCs: one request per item in, one result per item out, where a bad item fails alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from google.rpc import status_pb2

from earwitness.admission import Admission
from earwitness.edge import as_known
from earwitness.errors import InvalidInput
from earwitness.status import to_status

Q = TypeVar("Q")
R = TypeVar("R")


async def gather(
    requests: Sequence[Q], answer: Callable[[Q], Awaitable[R]], limit: int, admission: Admission
) -> list[R | status_pb2.Status]:
    """Answers all requests at once: each with its response or with the status that the unary call would have had.

    Raises InvalidInput for an empty batch or one over `limit`, however busy the server is, and Overloaded where
    `admission` has no room for all of it. If the call is cancelled, so is every item.
    """
    if not 0 < len(requests) <= limit:
        raise InvalidInput(f"{len(requests)} requests in one batch", "requests", f"send 1 to {limit}")

    async def one(request: Q) -> R | status_pb2.Status:
        try:
            return await answer(request)
        except Exception as error:
            return to_status(as_known(error))

    with admission.slot(len(requests)):
        return await asyncio.gather(*[one(request) for request in requests])
