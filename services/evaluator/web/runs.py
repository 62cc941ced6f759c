"""Runs as the sweep page shows them: how far they are, what failed and why, and what they cost, in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earwitness.runs import RunState, RunStatus
from services.evaluator.cost import HOUR_S, Cost, Named, Spent
from services.evaluator.report import words
from services.evaluator.report.grid import Run
from services.evaluator.result import Usage
from services.evaluator.scoring import Tally
from services.evaluator.sweep.words import dollars, span
from services.evaluator.web.page import Site, address
from services.evaluator.web.selection import present
from services.evaluator.web.shelf import Known, key_of, set_of
from services.evaluator.work import FOLDER

RESUMABLE = (RunState.CANCELLED, RunState.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Failed calls of one kind."""

    label: str
    number: int
    to: str = ""
    """Where the items are shown; "" before their answers are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What changes on the page while runs go on."""

    words: Mapping[str, str]
    """By the name of their place."""
    kinds: Sequence[Kind] = ()
    """The most frequent first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A run as the page shows it."""

    status: RunStatus
    told: Told
    cost: Cost
    items: str = ""
    """Where its answers are shown; "" before they are."""

    @property
    def can_stop(self) -> bool:
        """Whether it can be told to end."""
        return not self.status.state.is_final and self.status.state != RunState.CANCELLING

    @property
    def can_resume(self) -> bool:
        """Whether it can be taken up again."""
        return self.status.state in RESUMABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class _Finished:
    """What is known of a run beside its status once its answers are on the shelf."""

    items: str = ""
    kinds: Sequence[Kind] = ()
    usage: Usage | None = None


def look(site: Site, statuses: Sequence[RunStatus]) -> list[Seen]:
    """Returns runs as the page shows them. It reads files."""
    known = site.shelf.known()
    shelved = {name: run for run in known.runs if (name := _name(run))}
    found: list[Seen] = []
    for status in statuses:
        run = shelved.get(status.id) if status.state == RunState.DONE else None
        finished = _finished(site, known, run) if run else _Finished()
        cost = _cost(site, status, finished.usage)
        told = Told(words=_words(status, cost), kinds=finished.kinds or _kinds(status))
        found.append(Seen(status=status, told=told, cost=cost, items=finished.items))
    return found


def together(seen: Sequence[Seen]) -> Told:
    """Returns what the runs of the page come to together."""
    live = [each.status for each in seen if not each.status.state.is_final]
    rate = sum(status.progress.items_per_second for status in live if status.state == RunState.RUNNING)
    left = sum(status.progress.total - status.progress.done for status in live)
    kinds = Counter[str]()
    for each in seen:
        kinds.update({kind.label: kind.number for kind in each.told.kinds})
    return Told(
        words={
            "live": f"{len(live):,}",
            "rate": f"{rate:,.1f}" if live else "–",
            "left": span(left / rate) if rate else "–",
            "done": f"{sum(each.status.progress.done for each in seen):,}",
            "failed": f"{sum(each.status.tally.failed for each in seen):,}",
            "cost": _sum([each.cost for each in seen if each.status.progress.done]),
        },
        kinds=[Kind(label=label, number=number) for label, number in kinds.most_common()],
    )


def _name(run: Run) -> str:
    """Returns the id of the evaluator's run whose folder a result lies in; "" for a result of another folder."""
    folder = Path(run.result.answers).parents[1]
    return folder.name if folder.parent.name == FOLDER else ""


def _finished(site: Site, known: Known, run: Run) -> _Finished:
    result = run.result
    base, key, usage = f"/items/{set_of(result)}", key_of(result), known.usage.get(result.answers)
    items = address(base, run=key)
    if not result.total.failed or run not in present(known.section(set_of(result)))[0]:
        return _Finished(items=items, usage=usage)
    names, codes = site.shelf.index(result).errors
    counted = Counter[int](codes[codes >= 0].tolist()).most_common()
    kinds = [Kind(label=names[at], number=n, to=address(base, run=key, error=names[at])) for at, n in counted]
    return _Finished(items=items, kinds=kinds, usage=usage)


def _kinds(status: RunStatus) -> Sequence[Kind]:
    """Returns the failed calls of a run whose answers are not there yet."""
    return [Kind(label=label, number=n) for label, n in Counter(status.failures).most_common()]


def _words(status: RunStatus, cost: Cost) -> dict[str, str]:
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
        "cost": _money(cost),
        "error": status.error,
    }


def _cost(site: Site, status: RunStatus, usage: Usage | None) -> Cost:
    """Returns what a run's backbone has cost; unknown where nobody said the price.

    How long its GPUs were held is known at the end. In the cascade, the sound goes to the captioner.
    """
    name, used, prices = status.backbone, status.progress, site.prices.entries
    price = prices.get(name)
    if price and price.gpu_hour and usage is None:
        return Cost(usd=None)
    spent = Spent(
        prompt_tokens=usage.prompt_tokens if usage else used.prompt_tokens,
        completion_tokens=usage.completion_tokens if usage else used.completion_tokens,
        audio_s=(usage.audio_s if usage else used.audio_seconds) if status.spec.setting == "audio" else 0.0,
        wall_s=usage.wall_s if usage else 0.0,
    )
    payer = Named(name=name, price=name if price else "", gpus=site.config.gpus)
    return site.prices.cost(spent, payer)


def _count(number: int) -> str:
    return f"{number:,}" if number else "·"


def _sum(costs: Sequence[Cost]) -> str:
    known = [cost for cost in costs if cost.usd is not None]
    if not known:
        return _money(sum(costs, Cost(usd=None))) or "not known"
    return f"{'' if len(known) == len(costs) else 'at least '}{_money(sum(known, Cost()))}"


def _money(cost: Cost) -> str:
    """Returns dollars, or the hours of GPUs where no price is known; "" for neither."""
    if cost.usd is None:
        return f"{cost.gpu_s / HOUR_S:,.2f} GPU h" if cost.gpu_s else ""
    return dollars(cost)
