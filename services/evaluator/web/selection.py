"""Which items of a benchmark a page shows: by outcome, by disagreement, by group, from the indexes alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.items import Outcome
from services.evaluator.measurement import SIGNS
from services.evaluator.report.grid import Run, Section
from services.evaluator.web.index import Index
from services.evaluator.web.shelf import Shelf, key_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GROUP = "by."
"""Before the key of a group, in a query."""
WITHHELD = "withheld"
OUTCOMES: Mapping[str, str] = {outcome.value: SIGNS[outcome] for outcome in Outcome} | {WITHHELD: SIGNS[None]}
DIFFER = {"systems": "systems disagree", "readings": "extractors disagree"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What items are wanted."""

    run: str = ""
    """Whose outcome and readings count; "" for any run's."""
    outcome: str = ""
    differ: str = ""
    """`systems`: some got it right and some did not; `readings`: two extractors read an answer differently."""
    right: str = ""
    """A run that got them right."""
    missed: str = ""
    """A run that did not."""
    error: str = ""
    """A kind of failure."""
    groups: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wanted":
        """Reads a query; raises InvalidInput for an outcome or a disagreement that there is not."""
        for name, known in (("outcome", OUTCOMES), ("differ", DIFFER)):
            if query.get(name) and query[name] not in known:
                raise InvalidInput(f"is none of {', '.join(known)}", name)
        plain = {name: query.get(name, "") for name in cls.__dataclass_fields__ if name != "groups"}
        groups = {name.removeprefix(GROUP): text for name, text in query.items() if name.startswith(GROUP) and text}
        return cls(**plain, groups=groups)

    @property
    def query(self) -> dict[str, str]:
        """The same as a query, without what is not wished."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "groups"}
        told = plain | {f"{GROUP}{key}": label for key, label in self.groups.items()}
        return {name: text for name, text in told.items() if text}


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The items that are wanted, of one benchmark."""

    section: Section
    runs: Sequence[Run]
    """Those whose answers are here."""
    gone: Sequence[Run]
    """The others."""
    index: Index
    """Of the first of them."""
    places: "NDArray[np.int64]"
    """Of the items, from 0, in the benchmark's order."""


def select(shelf: Shelf, section: Section, wanted: Wanted) -> Selection:
    """Returns the items of a benchmark that are wanted; raises NotFound where no run's answers are here."""
    import numpy as np

    runs, gone = present(section)
    indexes = [shelf.index(run.result) for run in runs]
    mask = np.ones(len(indexes[0]), np.bool_)
    signs = {key_of(run.result): _signs(run) for run in runs}
    chosen = [wanted.run] if wanted.run in signs else list(signs)
    if wanted.outcome:
        sign = ord(OUTCOMES[wanted.outcome])
        mask &= np.any([signs[key] == sign for key in chosen], axis=0)
    right = [signs[key] == ord(SIGNS[Outcome.CORRECT]) for key in signs]
    if wanted.differ == "systems":
        mask &= np.any(right, axis=0) & ~np.all(right, axis=0)
    own = [index for key, index in zip(signs, indexes, strict=True) if key in chosen]
    if wanted.differ == "readings":
        mask &= np.any([index.split for index in own], axis=0)
    if wanted.error:
        mask &= np.any([_in(index.errors, wanted.error) for index in own], axis=0)
    for name, is_right in ((wanted.right, True), (wanted.missed, False)):
        if name in signs:
            mask &= (signs[name] == ord(SIGNS[Outcome.CORRECT])) == is_right
    for key, label in wanted.groups.items():
        mask &= _in(indexes[0].groups.get(key, ([], np.full(len(mask), -1, np.int32))), label)
    return Selection(section=section, runs=runs, gone=gone, index=indexes[0], places=np.flatnonzero(mask))


def present(section: Section) -> tuple[Sequence[Run], Sequence[Run]]:
    """Returns the runs whose answers file is there, and the others; raises NotFound where there is none."""
    runs = [run for run in section.runs if Path(run.result.answers).is_file()]
    if not runs:
        raise NotFound("no run's answers are here", section.benchmark, "bring the folder `answers` of the results too")
    return runs, [run for run in section.runs if run not in runs]


def _signs(run: Run) -> "NDArray[np.uint8]":
    import numpy as np

    return np.frombuffer(run.result.outcomes.encode(), np.uint8)


def _in(column: "tuple[Sequence[str], NDArray[np.int32]]", label: str) -> "NDArray[np.bool_]":
    names, codes = column
    return codes == (names.index(label) if label in names else -2)
