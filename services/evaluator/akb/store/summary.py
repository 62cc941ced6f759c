"""What a store has come to: standings, agreement beyond chance, and the time that it took."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from services.evaluator.akb.agreement import cohen, fleiss
from services.evaluator.akb.question import Question
from services.evaluator.akb.store.annotations import Annotations
from services.evaluator.akb.store.entries import Annotation, Standing, decide, latest


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How far annotators agree in their verdicts. To accept a question and answer it otherwise is one of its own."""

    raters: tuple[str, ...]
    items: int
    """Questions on which all of them gave a verdict."""
    observed: float
    """The share of these on which all gave the same."""
    kappa: float
    """Cohen's for two, Fleiss's for more; NaN where everybody said the same throughout."""


MISSED = "accept, beside the key"


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What one annotator has done."""

    verdicts: Mapping[str, int]
    median_s: float
    found_key: tuple[int, int]
    """Questions answered without the key: right, and in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A store at one moment."""

    standings: Mapping[Standing, int]
    pairs: tuple[Agreement, ...]
    everybody: Agreement | None
    """Over the questions that as many people as are needed have judged, whoever they are; None for none."""
    people: Mapping[str, Work]


def summarise(store: Annotations) -> Summary:
    """Returns what a store has come to."""
    standings = Counter[Standing]()
    rated: list[dict[str, str]] = []
    work: dict[str, list[tuple[str, float, bool | None]]] = {}
    for _, question, said in store.everything():
        standings[decide(question, said, store.needed).standing] += 1
        first = latest(said)
        rated.append({name: _label(question, each) for name, each in first.items()})
        for name, each in first.items():
            found = each.choice == question.answer if each.choice else None
            work.setdefault(name, []).append((each.verdict, each.seconds, found))
    people = {name: _work(done) for name, done in sorted(work.items())}
    pairs = [_pair(one, other, rated) for one, other in combinations(people, 2)]
    return Summary(
        standings={standing: standings[standing] for standing in Standing},
        pairs=tuple(pair for pair in pairs if pair.items),
        everybody=_everybody(rated, store.needed, tuple(people)),
        people=people,
    )


def _label(question: Question, said: Annotation) -> str:
    missed = said.verdict == "accept" and said.choice not in ("", question.answer)
    return MISSED if missed else said.verdict


def _pair(one: str, other: str, rated: list[dict[str, str]]) -> Agreement:
    both = [(labels[one], labels[other]) for labels in rated if one in labels and other in labels]
    same = sum(a == b for a, b in both)
    observed = same / len(both) if both else float("nan")
    return Agreement(raters=(one, other), items=len(both), observed=observed, kappa=cohen(both))


def _everybody(rated: list[dict[str, str]], needed: int, people: tuple[str, ...]) -> Agreement | None:
    full = [list(labels.values()) for labels in rated if len(labels) == needed]
    if needed < 2 or not full:
        return None
    same = sum(len(set(labels)) == 1 for labels in full) / len(full)
    return Agreement(raters=people, items=len(full), observed=same, kappa=fleiss(full))


def _work(done: list[tuple[str, float, bool | None]]) -> Work:
    tested = [found for _, _, found in done if found is not None]
    return Work(
        verdicts=dict(Counter(verdict for verdict, _, _ in done)),
        median_s=median(seconds for _, seconds, _ in done),
        found_key=(sum(tested), len(tested)),
    )
