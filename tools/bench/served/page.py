"""What serving costs, as tables: on the terminal and in a Markdown file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tools.bench.figures import Spread
from tools.bench.machine import Machine, revision, today
from tools.bench.page import Table
from tools.bench.served.agreement import Agreement
from tools.bench.served.pairs import Contest
from tools.bench.served.small import Delay

METHOD = """\
Two sides do the same work, in turn, each pair of laps with questions of its own. *Served* is the product: Ray Serve in
HAProxy mode, the servicer, and the evaluator's own service with its limit, batches and retries, all on this machine.
*Bare* is, for text, `vllm.LLM` with the same settings, handed everything at once, and for clips the service's own
engine, called in its process with clips that are decoded already. While one side works, every process of the other is
stopped (SIGSTOP): two engines and a Ray would take turns on the cores else. A first pair does not count, and each pair
begins with the other side than the one before.

The bound is the lower end of the 95 % interval of the median ratio, by the bootstrap over pairs; of five pairs that is
the least ratio. A target is met where the bound meets it. `same` counts items to which both sides gave the same answer:
the same text, or log-probabilities that differ by no more than 0.001."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """All that was measured."""

    contests: Sequence[Contest]
    delay: Delay | None
    agreement: Agreement | None

    @property
    def met(self) -> bool:
        """Whether every target is met."""
        return all(contest.met for contest in self.contests) and (self.delay is None or self.delay.met)


def tables(findings: Findings) -> list[Table]:
    """Returns the verdicts, what they rest on, and the agreement in bfloat16."""
    found = [_verdicts(findings)]
    if findings.agreement:
        found.append(_agreement(findings.agreement))
    found += [_laps(contest) for contest in findings.contests]
    if findings.delay:
        rows = [
            (str(number), f"{served:.2f}", f"{bare:.2f}", f"{served - bare:.2f}")
            for number, (served, bare) in enumerate(
                zip(findings.delay.served_ms, findings.delay.bare_ms, strict=True), start=1
            )
        ]
        columns = ("round", "served p50, ms", "bare grpc.aio p50, ms", "added, ms")
        found.append(Table(title="A small call, one after the other", columns=columns, rows=rows, num_names=1))
    return found


def show(found: Sequence[Table], console: Console) -> None:
    """Prints the tables."""
    for table in found:
        console.print(table.rich())


def write(
    path: Path, found: Sequence[Table], *, machine: Machine, command: str, versions: Mapping[str, str], minutes: float
) -> None:
    """Writes the Markdown file."""
    facts = {"date": today(), "command": f"`{command}`", "took": f"{minutes:.0f} min", "commit": revision(), **versions}
    head = "\n".join(["| | |", "|---|---|", machine.markdown(), *(f"| {name} | {it} |" for name, it in facts.items())])
    parts = ["# What serving costs", head, METHOD, *(table.markdown() for table in found)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n")


def _verdicts(findings: Findings) -> Table:
    rows = [
        (
            contest.title,
            Spread.of(pair.served.rate for pair in contest.pairs).text(2),
            Spread.of(pair.bare.rate for pair in contest.pairs).text(2),
            contest.ratio.text(3),
            f"{contest.bound:.3f}",
            f">= {contest.wanted:g}",
            _verdict(contest.met),
        )
        for contest in findings.contests
    ]
    if delay := findings.delay:
        served, bare = (Spread.of(values).text(2) + " ms" for values in (delay.served_ms, delay.bare_ms))
        added, bound = f"+{delay.added.text(2)} ms", f"+{delay.bound:.2f} ms"
        rows.append(("a small call", served, bare, added, bound, f"<= +{delay.wanted_ms:g} ms", _verdict(delay.met)))
    columns = ("task", "served, items/s", "bare, items/s", "served / bare", "95 % bound", "wanted", "verdict")
    return Table(title="Verdicts", columns=columns, rows=rows, num_names=1)


def _verdict(met: bool) -> str:
    return "pass" if met else "FAIL"


def _agreement(agreement: Agreement) -> Table:
    row = (
        str(agreement.questions),
        f"{agreement.same_best:.1%}",
        f"{agreement.same_order:.1%}",
        f"{agreement.most_apart:.3f}",
    )
    columns = ("questions", "same best option", "pairs of options in the same order", "most apart, nats")
    return Table(title="ScoreChoices in bfloat16 beside float32", columns=columns, rows=[row], num_names=0)


def _laps(contest: Contest) -> Table:
    rows = [
        (
            str(number),
            str(pair.served.items),
            *(f"{value:.2f}" for value in (pair.served.seconds, pair.bare.seconds)),
            f"{pair.ratio:.3f}",
            str(pair.same),
            *(f"{value:.1f}" for value in (pair.served.cpu_s, pair.bare.cpu_s)),
            f"{pair.served.idle_cpu_s + pair.bare.idle_cpu_s:.2f}",
        )
        for number, pair in enumerate(contest.pairs, start=1)
    ]
    columns = ("round", "items", "served s", "bare s", "ratio", "same", "served CPU s", "bare CPU s", "idle CPU s")
    return Table(title=f"Rounds: {contest.title}", columns=columns, rows=rows, num_names=1)
