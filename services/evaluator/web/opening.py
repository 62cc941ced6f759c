"""From settings to an open site: its shelf, its stores, and the registry of runs where there is one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.evaluator.clips import ClipStore
from services.evaluator.cost import Prices
from services.evaluator.web.config import WebConfig
from services.evaluator.web.guard import Guard
from services.evaluator.web.page import Site
from services.evaluator.web.shelf import Shelf
from services.evaluator.web.sound import Sounds

if TYPE_CHECKING:
    from services.evaluator.akb.store import Annotations
    from services.evaluator.config import EvaluatorConfig
    from services.evaluator.registry import Registry


@asynccontextmanager
async def opened(
    config: WebConfig, runs: "EvaluatorConfig | None" = None, registry: "Registry | None" = None
) -> AsyncGenerator[tuple[Site, Guard]]:
    """Opens a site for as long as the block lasts.

    With `runs`, this process works on the runs of a ledger; with a `registry`, a server beside it does already. Raises
    InvalidInput and NotFound for a token file, prices, a ledger or a store that cannot be used.
    """
    async with AsyncExitStack() as stack:
        guard = Guard(config.token_file)
        if runs is not None:
            registry = await _work(runs, stack)
        site = Site(
            config=config,
            shelf=Shelf(config.results),
            sounds=Sounds(clips=ClipStore(), data=config.data),
            prices=Prices.load(config.prices),
            registry=registry,
            annotations=await asyncio.to_thread(_store, config) if config.annotations else None,
            asks_token=guard.asks_token,
        )
        if site.annotations:
            stack.push_async_callback(asyncio.to_thread, site.annotations.close)
        yield site, guard


async def _work(runs: "EvaluatorConfig", stack: AsyncExitStack) -> "Registry":
    from services.evaluator.ledger import Ledger
    from services.evaluator.metrics import Metrics
    from services.evaluator.registry import Registry

    runs.out.mkdir(parents=True, exist_ok=True)
    ledger = await asyncio.to_thread(Ledger, runs.ledger_url)
    stack.push_async_callback(asyncio.to_thread, ledger.close)
    registry = Registry(runs, ledger, Metrics())
    registry.start()
    stack.push_async_callback(registry.drain)
    return registry


def _store(config: WebConfig) -> "Annotations":
    from services.evaluator.akb.store import Annotations

    place = config.annotations
    return Annotations(place, config.needed) if "://" in place else Annotations.at(Path(place), config.needed)
