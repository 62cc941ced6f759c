"""Sweeps: runs as they go, started, stopped and taken up again, by the registry that the evaluator service has.

Whatever was answered is in the ledger: a run that was stopped is taken up by asking for the same one again.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import product
from typing import cast, get_args

import msgspec

from earwitness.errors import EarwitnessError, InvalidInput, NotReady
from earwitness.runs import (
    DEFAULT_IN_FLIGHT,
    DEFAULT_TOKENS,
    ControlName,
    RunSpec,
    SettingName,
    id_from,
    spec_from,
    spec_to,
)
from earwitness.sampling import Sampling
from services.evaluator import benchmarks
from services.evaluator.items import SETTINGS
from services.evaluator.registry import Registry
from services.evaluator.web.page import Asked, Page, Redirect, Reply, Site, address
from services.evaluator.web.runs import RESUMABLE, Told, look, together

SHOWN = 50
LOOK_S = 1.0
"""Between two looks at the runs that a page follows."""
BEAT_S = 15.0
"""Proxies close a connection on which nothing comes."""
MAX_STARTED = 60
"""Runs that one form starts."""


async def sweep(asked: Asked) -> Page:
    """Returns the page of all runs."""
    registry = asked.site.registry
    statuses = (await registry.page(SHOWN)).runs if registry else ()
    seen = await asyncio.to_thread(look, asked.site, statuses)
    values = {
        "is_on": registry is not None,
        "seen": seen,
        "sum": together(seen),
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


async def events(asked: Asked) -> AsyncGenerator[bytes, None]:
    """Yields a server-sent event for each run that has changed, and one for all of them together."""
    registry, last = _registry(asked.site), dict[str, Told]()
    silent_s = 0.0
    yield b"retry: 2000\n\n"
    while True:
        try:
            statuses = (await registry.page(SHOWN)).runs
        except NotReady:
            statuses = ()
        seen = await asyncio.to_thread(look, asked.site, statuses)
        told = {each.status.id: each.told for each in seen} | {"": together(seen)}
        changed = {id: each for id, each in told.items() if last.get(id) != each}
        for id, each in changed.items():
            yield b"data: " + msgspec.json.encode({"id": id, "told": each.words, "kinds": each.kinds}) + b"\n\n"
        last, silent_s = told, 0.0 if changed else silent_s + LOOK_S
        yield b": still here\n\n" if silent_s and silent_s % BEAT_S == 0 else b""
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
