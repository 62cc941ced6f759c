"""A sweep's results folder: each cell's result as it comes, and what earlier starts left there.

`cells.json` names the answers file of each cell, so that a later start knows what is done and how fast it went. It is
no part of the results.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from earwitness.errors import InvalidInput
from services.evaluator import result as results
from services.evaluator.items import Setting
from services.evaluator.result import Experiment, RunResult, Usage
from services.evaluator.sweep.cells import Cell, Lattice

CELLS = "cells.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """Where a sweep's results lie."""

    path: Path
    lattice: Lattice

    def keep(self, cell: Cell, result: RunResult, usage: Usage) -> None:
        """Adds a cell's result to those in the folder, in the place of an older one of the same."""
        experiment = self._experiment().adding(result, usage)
        lineage = {**experiment.lineage, "sweep": self.lattice.sweep.name}
        if cell.backbone.family:
            lineage[f"family of {result.backbone}"] = cell.backbone.family
        results.save(replace(experiment, lineage=lineage), self.path)
        scratch = self.path / f".{CELLS}.partial"
        names = self._names() | {self._key(cell): result.answers}
        scratch.write_bytes(msgspec.json.format(msgspec.json.encode(names), indent=1) + b"\n")
        scratch.replace(self.path / CELLS)

    def known(self) -> dict[Cell, int]:
        """Returns how many answers an earlier start got, for the cells that one has run to their end."""
        answered = {each.answers: len(each.outcomes) - each.outcomes.count("f") for each in self._experiment().results}
        names = self._names()
        cells = {cell: names.get(self._key(cell)) for cell in self.lattice.cells}
        return {cell: answered[name] for cell, name in cells.items() if name in answered}

    def rates(self) -> dict[tuple[str, Setting], float]:
        """Returns the items per second that earlier starts reached, by backbone and setting."""
        usage = {used.answers: used for used in self._experiment().usage}
        names = self._names()
        asked: dict[tuple[str, Setting], int] = defaultdict(int)
        wall_s: dict[tuple[str, Setting], float] = defaultdict(float)
        for cell in self.lattice.cells:
            used = usage.get(names.get(self._key(cell), ""))
            if used and used.asked and used.wall_s > 0:
                place = cell.backbone.name, cell.setting
                asked[place] += used.asked
                wall_s[place] += used.wall_s
        return {place: asked[place] / wall_s[place] for place in asked}

    def _experiment(self) -> Experiment:
        if (self.path / results.RESULTS).is_file():
            return results.load(self.path)
        return Experiment(name=self.lattice.sweep.name, results=())

    def _names(self) -> dict[str, str]:
        file = self.path / CELLS
        if not file.is_file():
            return {}
        try:
            return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        except msgspec.DecodeError as error:
            raise InvalidInput(f"not readable: {error}", str(file), "delete it: it is no part of the results") from None

    def _key(self, cell: Cell) -> str:
        """Names a cell by all that changes its answers, as far as the sweep knows it."""
        captioner = cell.captioner
        bare = replace(
            cell, backbone=replace(cell.backbone, family="", gpus=0, price="", items_per_s=1, captioners=None)
        )
        if captioner:
            bare = replace(bare, captioner=replace(captioner, note="", gpus=0, price="", items_per_s=1, prompts=()))
        parts = (bare, self.lattice.sweep.sampling, self.lattice.benchmarks[cell.benchmark].sha256)
        digest = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
        return f"{cell.backbone.name} {cell.setting} {cell.benchmark} {digest[:12]}"
