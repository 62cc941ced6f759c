"""Items: a benchmark's, chosen by outcome, disagreement and group, and one with all that was said and heard of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earwitness.errors import EarwitnessError, NotFound
from services.evaluator.answers import ItemResult
from services.evaluator.extract import EXTRACTORS
from services.evaluator.items import LETTERS, Outcome
from services.evaluator.report.grid import Run
from services.evaluator.report.svg import ticks
from services.evaluator.web import picture
from services.evaluator.web.page import Asked, File, Page, Redirect, Reply, address
from services.evaluator.web.prompt import Sent, sent
from services.evaluator.web.selection import DIFFER, OUTCOMES, Selection, Wanted, select
from services.evaluator.web.shelf import set_of
from services.evaluator.web.sound import Picture

if TYPE_CHECKING:
    from pathlib import Path

ON_PAGE = 25
MAX_GROUPS = 200
"""Groups that a filter offers: a key with more is none to choose by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """What one extractor made of an answer."""

    extractor: str
    letter: str
    """Of the option, as the page lists the options; "" where it read none."""
    outcome: Outcome | None
    """What the answer would be worth if this extractor alone read it; None where the right choice is withheld."""
    decided: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What one run answered."""

    run: Run
    item: ItemResult
    letter: str
    votes: Sequence[Vote]
    sent: Sent


def benchmarks(asked: Asked) -> Reply:
    """Returns the list of benchmarks with answers; of a single one, its items."""
    known = asked.site.shelf.known()
    sections = known.table.sections
    if len(sections) == 1:
        return Redirect(to=f"/items/{set_of(sections[0].first)}")
    values = {"sections": sections, "folders": asked.site.shelf.folders}
    return Page(template="benchmarks.html.jinja", title="Items", section="items", values=values)


def listing(asked: Asked) -> Page:
    """Returns a page of the items that are wanted, with every run's outcome."""
    section = asked.site.shelf.known().section(asked.parts["set"])
    wanted = Wanted.of(asked.query)
    chosen = select(asked.site.shelf, section, wanted)
    num_pages = max(1, -(-len(chosen.places) // ON_PAGE))
    number = min(asked.number("page", 1), num_pages)
    places = chosen.places[(number - 1) * ON_PAGE : number * ON_PAGE].tolist()
    rows = [
        (item, [run.result.outcomes[place] for run in chosen.runs], chosen.index.split[place])
        for place, item in zip(places, chosen.index.read(places), strict=True)
    ]
    values = {
        "chosen": chosen,
        "wanted": wanted,
        "outcomes": OUTCOMES,
        "names": {sign: name for name, sign in OUTCOMES.items()},
        "differ": DIFFER,
        "groups": {key: names for key, (names, _) in chosen.index.groups.items() if 1 < len(names) <= MAX_GROUPS},
        "rows": rows,
        "number": number,
        "num_pages": num_pages,
        "base": f"/items/{asked.parts['set']}",
    }
    return Page(template="items.html.jinja", title=section.benchmark, section="items", values=values)


def item(asked: Asked) -> Page:
    """Returns one item with everything that is known of it."""
    section = asked.site.shelf.known().section(asked.parts["set"])
    wanted = Wanted.of(asked.query)
    chosen = select(asked.site.shelf, section, wanted)
    place = chosen.index.place_of(asked.query.get("id", ""))
    said = _said(asked, chosen, place)
    plain = next((each.item for each in said if each.run.result.control != "shuffle"), said[0].item)
    sound, fault = _sound(asked, said)
    values = {
        "shown": plain,
        "said": [_lettered(plain, each) for each in said],
        "extractors": tuple(EXTRACTORS),
        "chosen": chosen,
        "wanted": wanted,
        "place": place,
        "around": _around(asked, chosen, place),
        "captions": _captions(said),
        "sound": sound,
        "fault": fault,
        "drawn": picture,
        "seconds_ticks": ticks(0, sound.seconds, 8) if sound else [],
        "base": f"/items/{asked.parts['set']}",
    }
    return Page(template="item.html.jinja", title=f"{section.benchmark}, {plain.id}", section="items", values=values)


def clip(asked: Asked) -> File:
    """Returns an item's clip as a WAV file."""
    return File(path=_clip_of(asked)[0], kind="audio/wav")


def spectrogram(asked: Asked) -> File:
    """Returns the picture of an item's clip."""
    path, sha256 = _clip_of(asked)
    return File(path=asked.site.sounds.picture(path, sha256).spectrogram, kind="image/png")


def _clip_of(asked: Asked) -> "tuple[Path, str]":
    section = asked.site.shelf.known().section(asked.parts["set"])
    chosen = select(asked.site.shelf, section, Wanted())
    said = _said(asked, chosen, chosen.index.place_of(asked.query.get("id", "")))
    for each in said:
        if each.item.audio_sha256:
            found = asked.site.sounds.find(each.run.result, each.item.id, each.item.audio_sha256)
            return found, each.item.audio_sha256
    raise NotFound("the item has no clip", "id")


def _said(asked: Asked, chosen: Selection, place: int) -> list[Said]:
    found: list[Said] = []
    for run in chosen.runs:
        read = asked.site.shelf.index(run.result).read([place])[0]
        found.append(Said(run=run, item=read, letter="", votes=(), sent=sent(run.result, read)))
    return found


def _lettered(shown: ItemResult, said: Said) -> Said:
    """Returns an answer with its letters, as the page lists the options, whatever order the run put them in."""
    score = said.item.score
    names = dict.fromkeys((*EXTRACTORS, *sorted(score.votes)))
    votes = [
        Vote(
            extractor=name,
            letter=_letter(shown, said.item, vote) if (vote := score.votes.get(name)) is not None else "",
            outcome=_outcome(said.item, vote),
            decided=name == score.extractor,
        )
        for name in names
    ]
    letter = "" if score.choice is None else _letter(shown, said.item, score.choice)
    return Said(run=said.run, item=said.item, letter=letter, votes=votes, sent=said.sent)


def _outcome(item: ItemResult, vote: int | None) -> Outcome | None:
    if item.gold is None:
        return None
    if vote is not None:
        return Outcome.CORRECT if item.choices[vote] == item.gold else Outcome.WRONG
    if item.answer.finish_reason == "error":
        return Outcome.FAILED
    return Outcome.TRUNCATED if item.answer.finish_reason == "length" else Outcome.UNPARSED


def _letter(shown: ItemResult, item: ItemResult, choice: int) -> str:
    return LETTERS[shown.choices.index(item.choices[choice])]


def _captions(said: Sequence[Said]) -> dict[str, list[str]]:
    """Returns every caption with the captioners that gave it."""
    found: dict[str, list[str]] = {}
    for each in said:
        if each.item.caption:
            found.setdefault(each.item.caption, []).append(each.run.result.captioner)
    return {caption: list(dict.fromkeys(names)) for caption, names in found.items()}


def _sound(asked: Asked, said: Sequence[Said]) -> tuple[Picture | None, str]:
    """Returns the clip's picture, or why there is none; "" for an item without a clip."""
    heard = next((each for each in said if each.item.audio_sha256), None)
    if heard is None:
        return None, ""
    try:
        path = asked.site.sounds.find(heard.run.result, heard.item.id, heard.item.audio_sha256)
        return asked.site.sounds.picture(path, heard.item.audio_sha256), ""
    except EarwitnessError as error:
        return None, str(error)


def _around(asked: Asked, chosen: Selection, place: int) -> dict[str, str]:
    """Returns the addresses of the items before and after among those that are wanted."""
    import numpy as np

    at = int(np.searchsorted(chosen.places, place))
    is_wanted = at < len(chosen.places) and chosen.places[at] == place
    beside = {"before": at - 1, "after": at + (1 if is_wanted else 0)}
    inside = {name: int(chosen.places[to]) for name, to in beside.items() if 0 <= to < len(chosen.places)}
    read = chosen.index.read(list(inside.values()))
    path, query = f"/items/{asked.parts['set']}/item", Wanted.of(asked.query).query
    return {name: address(path, id=each.id, **query) for name, each in zip(inside, read, strict=True)}
