"""What there is to say of a system of the catalogue: its memory, its published scores, the command that serves it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from earwitness import catalogue
from earwitness.catalogue import GROUPS, System
from earwitness.errors import InvalidInput
from earwitness.footprint import footprint
from services.evaluator import published

Scores = Mapping[str, published.Result]
"""Published results by column, in percent as printed."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "open": ("AKB", "MMAU_T", "MMAR_T"),
    "proprietary": ("AKB", "MMAU_T", "MMAR_T"),
    "published": ("MMAU_A", "MMAR_A"),
    "trained": ("MMAU_A", "MMAR_A"),
    "captioners": ("MMAU_T", "MMAR_T"),
}
"""The columns that a group has in the paper: `_T` is the cascade, by captions, and `_A` the audio itself."""
HOW = {
    "open": "AKB from text, MMAU and MMAR from captions",
    "proprietary": "AKB from text, MMAU and MMAR from captions",
    "published": "from the audio",
    "trained": "from the audio",
    "captioners": "Gemini-2.5-Pro answers from their captions",
}
"""How the scores of a group came about."""


def chosen(kind: str = "", family: str = "") -> list[System]:
    """Returns the systems of a kind and a family, "" for any; raises InvalidInput for a family that none belongs to."""
    families = {system.family.lower(): system.family for system in catalogue.systems() if system.family}
    if family and family.lower() not in families:
        raise InvalidInput(f"no system is of {family!r}", "--family", f"there are {', '.join(families.values())}")
    return [
        system
        for system in catalogue.systems()
        if kind in ("", system.kind) and (not family or system.family.lower() == family.lower())
    ]


def scores(system: System) -> Scores:
    """Returns what the paper published of a system; of a captioner, with Gemini-2.5-Pro to answer."""
    paper = published.load()
    if system.group == "published":
        return paper.lalms[system.published_as]
    if system.group == "captioners":
        return paper.captioners[system.published_as]
    found = {name: paper.columns[name].rows.get(system.published_as) for name in COLUMNS[system.group]}
    return {name: result for name, result in found.items() if result}


def source(system: System) -> str:
    """Returns where a system comes from, marked where the paper does not say so."""
    if system.engine == "none":
        return "a row of results"
    if system.group == "trained":
        return f"{catalogue.find(system.backbone).source}*"
    return f"{system.source}*" if system.assumed else system.source


def gpus(system: System) -> str:
    """Returns which GPU holds a system."""
    need = footprint(system)
    if not need or not need.gpu_gb:
        return ""
    return f"{need.gpu_gb} GB" if system.gpus == 1 else f"{system.gpus} × {need.gpu_gb} GB"


def commands(system: System) -> list[str]:
    """Returns the command lines that make a system, if need be, and serve it."""
    if system.engine == "none":
        return []
    launch = catalogue.resolve(system.name)
    return [*launch.before, launch.command]


def record(system: System) -> dict[str, Any]:
    """Returns all of a system as JSON values."""
    need = footprint(system)
    memory = need and {"total_bytes": need.total, "gpu_gb": need.gpu_gb, **asdict(need)}
    return {
        **asdict(system),
        "kind": system.kind,
        "row": system.published_as,
        "licence": system.terms,
        "stated_by_the_paper": bool(system.source) and not system.assumed,
        "memory": memory,
        "published": {name: asdict(result) for name, result in scores(system).items()},
        "commands": commands(system),
    }


def percent(column: str, value: float) -> str:
    """Writes a score with as many decimals as the paper prints."""
    return f"{value:.{2 if column == 'AKB' else 1}f}"


def numbers(system: System) -> list[str]:
    """Returns the scores of a system in the columns of its group."""
    found = scores(system)
    return [percent(name, found[name].accuracy) if name in found else "" for name in COLUMNS[system.group]]


def headers(group: str) -> list[str]:
    """Returns the benchmarks of a group's columns."""
    return [name.partition("_")[0] for name in COLUMNS[group]]


def title(group: str, listed: int) -> str:
    """Returns a group's title with the number of its systems, and how many of them are listed."""
    number = sum(system.group == group for system in catalogue.systems())
    return f"{number if listed == number else f'{listed} of {number}'} {GROUPS[group][1]}"
