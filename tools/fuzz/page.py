"""The fuzz trial as lines: on the terminal and in a Markdown file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.bench.machine import ROOT, Machine, revision, today
from tools.fuzz.trial import Found

MOST_GROWTH_MIB = 64.0
"""What fragmentation may take between the first fifth of the cases and the last. A leak of a kilobyte per case takes 80
MiB of a hundred thousand."""
TRACE = "Traceback (most recent call last)"
_OURS = tuple(f'File "{ROOT / folder}/' for folder in ("earwitness", "services"))


def unexpected(found: Sequence[Found], log: str) -> None:
    """Counts tracebacks through our code in the servers' log as a fault of the last trial.

    The HTTP library writes down its own for what is no HTTP.
    """
    ours = [trace for trace in log.split(TRACE)[1:] if any(place in trace for place in _OURS)]
    if ours and found:
        found[-1].faults.append(f"the servers' log holds {len(ours)} tracebacks, the last: {ours[-1][:2000]}")


def held(found: Sequence[Found]) -> bool:
    """Returns whether nothing was wrong and memory stayed flat."""
    return all(not each.faults and each.growth_mib <= MOST_GROWTH_MIB for each in found)


def lines(found: Sequence[Found], seed: int) -> Iterator[str]:
    """Yields the page."""
    yield f"`make fuzz-serving`, {today()}, seed {seed}: plain servers of all three services in one process, behind"
    yield "one token, and the LLM's HTTP endpoints. The engines, echo, acoustic and one that says how long its clips"
    yield "last, cannot fail: an INTERNAL would be ours. A sensible question every second must be answered as ever."
    yield ""
    yield "| trial | cases | per second | slowest case, s | slowest sensible, s | faults | memory grown, MiB |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for each in found:
        rate, grown = each.done / max(each.seconds, 1e-9), f"{each.growth_mib:+.0f} (at most {MOST_GROWTH_MIB:g})"
        slowest = f"{each.slowest_s:.1f} | {each.slowest_sane_s:.1f}"
        yield f"| {each.title} | {each.done:,} | {rate:,.0f} | {slowest} | {len(each.faults)} | {grown} |"
    yield ""
    yield "Everything held." if held(found) else "NOT everything held."
    for each in found:
        yield from _details(each)


def write(path: Path, found: Sequence[Found], *, seed: int, minutes: float) -> None:
    """Writes the Markdown file."""
    head = ["# Malformed and hostile requests", "", "| | |", "|---|---|", Machine.here().markdown()]
    head += [f"| commit | {revision()} |", f"| took | {minutes:.0f} min |", ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*head, *lines(found, seed), ""]))


def _details(found: Found) -> Iterator[str]:
    yield ""
    yield f"## {found.title[0].upper()}{found.title[1:]}"
    yield ""
    if found.slowest:
        yield f"The slowest: {found.slowest}."
        yield ""
    if found.faults:
        yield from (f"- {' '.join(fault.split())}" for fault in found.faults)
        yield ""
    for title, counts in (("what was wrong", found.kinds), ("how it ended", found.endings)):
        yield f"| {title} | cases |"
        yield "|---|--:|"
        yield from (f"| {name} | {count:,} |" for name, count in counts.most_common())
        yield ""
    yield "| cases | seconds | memory, MiB |"
    yield "|--:|--:|--:|"
    yield from (f"| {done:,} | {seconds:.0f} | {rss:.0f} |" for done, seconds, rss in found.tenths())
