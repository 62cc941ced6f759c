"""The data card as files: `card.json` for programs and `card.md` for people, side by side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from services.trainer.card import Card, Example, Lengths

JSON, MARKDOWN = "card.json", "card.md"
_LONGEST_SHOWN = 400
_MOST_ATTRIBUTES = 30


def write(card: Card, folder: Path) -> Path:
    """Writes both files into a folder, and returns the path of the one for people."""
    (folder / JSON).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    (folder / MARKDOWN).write_text(markdown(card), encoding="utf-8")
    return folder / MARKDOWN


def markdown(card: Card) -> str:
    """Returns the card as Markdown: the same card, the same text."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: Card) -> Iterator[str]:
    kept, dropped = sum(card.rows.values()), sum(card.dropped.values())
    yield "# Data card"
    yield ""
    yield f"{kept} targets in {len(card.rows)} files; {dropped} answers were dropped."
    yield ""
    yield "Descriptions of clips were shown to a language model with an instruction; what it said is what a model that"
    yield "hears the clip learns to say (DeSTA2.5-Audio, arXiv:2507.02768). The rows follow DeSTA-AQA5M."
    yield from _made_with(card)
    yield from _counts("Rows", "file", card.rows)
    yield from _counts("Data sets", "data set", card.datasets)
    yield from _counts("Kinds of instruction", "kind", card.kinds)
    yield from _counts("Dropped", "rule", card.dropped)
    yield from _section("Attributes of the clips")
    known = [
        (name, attribute.rows, attribute.num_values, _shown(attribute.values))
        for name, attribute in card.attributes.items()
    ]
    yield from _table(("attribute", "rows", "values", "most frequent"), known[:_MOST_ATTRIBUTES])
    if len(known) > _MOST_ATTRIBUTES:
        yield ""
        yield f"and {len(known) - _MOST_ATTRIBUTES} more, which {JSON} has."
    yield from _section("Lengths")
    texts: dict[str, Lengths | None] = {f"{name}, words": lengths for name, lengths in card.words.items()}
    texts["response, tokens"] = card.tokens
    measured = [(name, lengths) for name, lengths in texts.items() if lengths and lengths.percentiles]
    percents = tuple(measured[0][1].percentiles) if measured else ()
    yield from _table(
        ("text", "mean", *(f"p{percent}" for percent in percents)),
        [(name, lengths.mean, *lengths.percentiles.values()) for name, lengths in measured],
    )
    yield from _section("Variety of the responses")
    yield ", ".join(f"{name} {value}" for name, value in card.distinct.items())
    yield from _section("Examples")
    for example in card.examples:
        yield from _example(example)


def _made_with(card: Card) -> Iterator[str]:
    yield from _section("Made with")
    if not (card.backbone and card.sampling):
        yield "Nothing in the folder says."
        return
    sampling = card.sampling
    how = f"temperature {sampling.temperature:g}, top-p {sampling.top_p:g}" if sampling.temperature else "greedy"
    facts = {
        "backbone": card.backbone.model,
        "fingerprint": card.backbone.fingerprint,
        "weights": card.backbone.weights,
        "engine": f"{card.backbone.engine} {card.backbone.dtype}".strip(),
        "sampling": f"{how}, at most {sampling.max_tokens} tokens, seed {sampling.seed}",
        "instruction pool": f"version {card.pool_version}",
        "filters": f"version {card.filters_version}",
    }
    yield from _table(("what", "value"), list(facts.items()))


def _counts(title: str, name: str, counts: Mapping[str, int]) -> Iterator[str]:
    yield from _section(title)
    total = sum(counts.values()) or 1
    yield from _table((name, "count", "share"), [(key, count, f"{count / total:.1%}") for key, count in counts.items()])


def _section(title: str) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""


def _table(head: Sequence[str], body: Iterable[Sequence[object]]) -> Iterator[str]:
    lines = [f"| {' | '.join(_cell(value) for value in row)} |" for row in body]
    if not lines:
        yield "None."
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from lines


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _shown(values: Mapping[str, int]) -> str:
    return ", ".join(f"{value} {count}" for value, count in values.items() if value)


def _example(example: Example) -> Iterator[str]:
    yield f"**{example.kind}**" + (f", dropped: {example.reason}" if example.reason else "")
    yield ""
    for text in (example.seed_description, example.prompt, example.response):
        cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]} ..."
        yield "    " + cut.replace("\n", "\n    ")
        yield ""
