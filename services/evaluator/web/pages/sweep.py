"""Sweeps: runs as they go, started, stopped and taken up again, by the registry that the evaluator service has.

Whatever was answered is in the ledger: a run that was stopped is taken up by asking for the same one again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import cast, get_args

import msgspec

from earwitness.errors import EarwitnessError, InvalidInput, NotReady
from earwitness.runs import (
    DEFAULT_IN_FLIGHT,
    DEFAULT_TOKENS,
    ControlName,
    RunSpec,
    RunState,
    RunStatus,
    SettingName,
    id_from,
    spec_from,
    spec_to,
)
from earwitness.sampling import Sampling
from services.evaluator import benchmarks
from services.evaluator.cost import Cost, Named, Spent
from services.evaluator.items import SETTINGS
from services.evaluator.registry import Registry
from services.evaluator.report import words
from services.evaluator.scoring import Tally
from services.evaluator.sweep.words import dollars, span
from services.evaluator.web.page import Asked, Page, Redirect, Reply, Site, address
from services.evaluator.web.selection import present
from services.evaluator.web.shelf import key_of, set_of

SHOWN = 50
LOOK_S = 1.0
"""Between two looks at the runs that a page follows."""
BEAT_S = 15.0
"""Proxies close a connection on which nothing comes."""
MAX_STARTED = 60
"""Runs that one form starts."""
RESUMABLE = (RunState.CANCELLED, RunState.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A run as the page shows it."""

    status: RunStatus
    told: Mapping[str, str]
    """What changes while it goes on, in words, by the name of its place on the page."""
    can_stop: bool
    can_resume: bool
    items: str
    """Where its answers are shown; "" before they are."""
    kinds: Sequence[tuple[str, int, str]] = ()
    """Failures by kind, with how many and where they are shown."""


async def sweep(asked: Asked) -> Page:
    """Returns the page of all runs."""
    registry = asked.site.registry
    statuses = (await registry.page(SHOWN)).runs if registry else ()
    seen = await asyncio.to_thread(lambda: [_seen(asked.site, status) for status in statuses])
    values = {
        "is_on": registry is not None,
        "seen": seen,
        "sum": _sum(asked.site, statuses),
        "benchmarks": list(benchmarks.BENCHMARKS),
        "bundled": [name for name, entry in benchmarks.BENCHMARKS.items() if entry.path],
        "settings": SETTINGS,
        "controls": get_args(ControlName),
        "faults": [text for text in asked.query.get("faults", "").split("\n") if text],
    }
    return Page(template="sweep.html.jinja", title="Sweep", section="sweep", values=values)


async def start(asked: Asked) -> Reply:
    """Starts a run of each benchmark in each setting for each backbone; says which could not be."""
    registry = _registry(asked.site)
    specs = _specs(asked)
    faults: list[str] = []
    for spec in specs:
        try:
            await registry.create(spec_from(spec_to(spec)))
        except EarwitnessError as error:
            faults.append(f"{spec.benchmark} {spec.setting}: {error}")
    return Redirect(to=address("/sweep", faults="\n".join(dict.fromkeys(faults))[:2000]))


async def stop(asked: Asked) -> Reply:
    """Ends a run once what is in flight has come back."""
    await _registry(asked.site).cancel(id_from(asked.form.get("id", "")))
    return Redirect(to="/sweep")


async def resume(asked: Asked) -> Reply:
    """Asks again for what a run was to do: answers that it got are in the ledger."""
    registry = _registry(asked.site)
    status = await registry.get(id_from(asked.form.get("id", "")))
    if status.state not in RESUMABLE:
        raise InvalidInput(f"the run is {status.state}", "id", "only one that was stopped or failed is taken up")
    await registry.create(status.spec)
    return Redirect(to="/sweep")


async def events(asked: Asked) -> AsyncIterator[bytes]:
    """Yields a server-sent event for each run that has changed, and one for all of them together."""
    registry, last = _registry(asked.site), dict[str, Mapping[str, str]]()
    silent_s = 0.0
    yield b"retry: 2000\n\n"
    while True:
        try:
            statuses = (await registry.page(SHOWN)).runs
        except NotReady:
            statuses = ()
        told = {status.id: _told(asked.site, status) for status in statuses} | {"": _sum(asked.site, statuses)}
        changed = {id: each for id, each in told.items() if last.get(id) != each}
        for id, each in changed.items():
            yield b"data: " + msgspec.json.encode({"id": id, "told": each}) + b"\n\n"
        last, silent_s = told, 0.0 if changed else silent_s + LOOK_S
        if silent_s >= BEAT_S:
            silent_s = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(LOOK_S)


def _registry(site: Site) -> Registry:
    if site.registry is None:
        remedy = "start the pages with --ledger URL, or as part of the evaluator service"
        raise NotReady("runs are not started from here", "sweep", remedy)
    return site.registry


def _specs(asked: Asked) -> list[RunSpec]:
    names, settings = asked.lists.get("benchmark", ()), asked.lists.get("setting", ())
    backbones = [line.split() for line in asked.form.get("backbones", "").splitlines() if line.strip()] or [[]]
    if not names or not settings:
        raise InvalidInput("nothing is chosen", "benchmark" if not names else "setting", "choose at least one")
    if len(names) * len(settings) * len(backbones) > MAX_STARTED:
        raise InvalidInput(f"are more than {MAX_STARTED} runs", "benchmark", "start fewer at once")
    return [_spec(asked, *each) for each in product(names, settings, backbones)]


def _spec(asked: Asked, benchmark: str, setting: str, targets: Sequence[str]) -> RunSpec:
    named = dict(part.split("=", 1) for part in targets if "=" in part)
    plain = next((part for part in targets if "=" not in part), "")
    unknown = named.keys() - {"llm", "captioner", "lalm"}
    if unknown:
        raise InvalidInput(f"{sorted(unknown)[0]!r} is no service", "backbones", "write llm=, captioner= or lalm=")
    main = "lalm" if setting == "audio" else "llm"
    asked_of = {name: named.get(name, "") for name in ("llm", "captioner", "lalm")}
    asked_of[main] = asked_of[main] or plain
    return RunSpec(
        benchmark=benchmark,
        setting=cast(SettingName, setting),
        data=asked.form.get("data", ""),
        llm=asked_of["llm"],
        captioner=asked_of["captioner"],
        lalm=asked_of["lalm"],
        prompt=asked.form.get("prompt", ""),
        control=cast(ControlName, asked.form.get("control", "") or "none"),
        in_flight=_number(asked, "in_flight", DEFAULT_IN_FLIGHT),
        sampling=Sampling(max_tokens=_number(asked, "max_tokens", DEFAULT_TOKENS)),
    )


def _number(asked: Asked, name: str, default: int) -> int:
    text = asked.form.get(name, "") or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInput("is no number", name)
    return int(text)


def _seen(site: Site, status: RunStatus) -> Seen:
    items, kinds = _answers(site, status)
    return Seen(
        status=status,
        told=_told(site, status),
        can_stop=not status.state.is_final and status.state != RunState.CANCELLING,
        can_resume=status.state in RESUMABLE,
        items=items,
        kinds=kinds,
    )


def _answers(site: Site, status: RunStatus) -> tuple[str, Sequence[tuple[str, int, str]]]:
    """Returns where a finished run's answers are shown, and its failed calls by kind."""
    if status.state != RunState.DONE:
        return "", ()
    for run in site.shelf.known().runs:
        result = run.result
        if f"/{status.id}/" not in result.answers:
            continue
        base, key = f"/items/{set_of(result)}", key_of(result)
        section = site.shelf.known().section(set_of(result))
        if not status.tally.failed or run not in present(section)[0]:
            return address(base, run=key), ()
        names, codes = site.shelf.index(result).errors
        counted = Counter[int](codes[codes >= 0].tolist())
        kinds = [(names[code], n, address(base, run=key, error=names[code])) for code, n in counted.most_common()]
        return address(base, run=key), kinds
    return "", ()


def _told(site: Site, status: RunStatus) -> dict[str, str]:
    """Returns what changes of a run, in words."""
    progress, tally = status.progress, status.tally
    is_running = status.state in (RunState.RUNNING, RunState.CANCELLING)
    total = Tally(**{name: getattr(tally, name) for name in Tally.__dataclass_fields__})
    return {
        "state": status.state.value,
        "done": f"{progress.done:,} of {progress.total:,}" if progress.total else "",
        "share": f"{progress.done / progress.total:.3f}" if progress.total else "0",
        "rate": f"{progress.items_per_second:,.1f}" if is_running else "",
        "left": span(progress.eta_seconds) if is_running and progress.eta_seconds is not None else "",
        "right": f"{words.percent(total.accuracy)} {words.bracket(words.interval(total))}" if total.n else "",
        "unparsed": _count(tally.unparsed),
        "truncated": _count(tally.truncated),
        "failed": _count(tally.failed),
        "retries": _count(progress.retries),
        "reused": _count(progress.reused),
        "cost": _money(_cost(site, status)),
        "error": status.error,
    }


def _sum(site: Site, statuses: Sequence[RunStatus]) -> dict[str, str]:
    """Returns what the runs of the page come to together."""
    live = [status for status in statuses if not status.state.is_final]
    rate = sum(status.progress.items_per_second for status in live if status.state == RunState.RUNNING)
    left = sum(status.progress.total - status.progress.done for status in live)
    costs = [cost for status in statuses if (cost := _cost(site, status)).usd is not None]
    return {
        "live": f"{len(live):,}",
        "rate": f"{rate:,.1f}",
        "left": span(left / rate) if rate else "–",
        "done": f"{sum(status.progress.done for status in statuses):,}",
        "failed": f"{sum(status.tally.failed for status in statuses):,}",
        "cost": _money(sum(costs, Cost())) if costs else "not known",
    }


def _cost(site: Site, status: RunStatus) -> Cost:
    """Returns what a run has cost by its tokens and its sound; unknown where nobody said the price."""
    used, name = status.progress, status.backbone
    if name not in site.prices.entries:
        return Cost(usd=None)
    spent = Spent(
        prompt_tokens=used.prompt_tokens, completion_tokens=used.completion_tokens, audio_s=used.audio_seconds
    )
    return site.prices.cost(spent, Named(name=name, price=name))


def _count(number: int) -> str:
    return f"{number:,}" if number else "·"


def _money(cost: Cost) -> str:
    return "" if cost.usd is None else dollars(cost)
