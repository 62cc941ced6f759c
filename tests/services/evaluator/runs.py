"""Run results made from their outcomes alone, for what looks at nothing else."""

from services.evaluator.items import Control, Outcome, Setting
from services.evaluator.measurement import SIGNS
from services.evaluator.result import Audit, RunResult
from services.evaluator.scoring import Tally

AUDIT = Audit(
    read_by={}, disagreeing=0, ours_alone=0, official_alone=0, readers={}, pairs={}, chosen={}, gold={}, right={}
)


def tally(outcomes: str) -> Tally:
    counts = {outcome.value: outcomes.count(SIGNS[outcome]) for outcome in Outcome}
    return Tally(**counts, n=sum(counts.values()), withheld=outcomes.count(SIGNS[None]))


def run(
    outcomes: str,
    *,
    backbone: str = "Qwen3-0.6B",
    fingerprint: str = "",
    benchmark: str = "mmau",
    setting: Setting = "audio",
    sha256: str = "",
    captioner: str = "",
    prompt: str = "figure-1@1",
    control: Control = "none",
    rotation: int = 0,
    breakdowns: dict[str, dict[str, Tally]] | None = None,
) -> RunResult:
    return RunResult(
        backbone=backbone,
        fingerprint=fingerprint or backbone,
        setting=setting,
        prompt=prompt,
        parameters={},
        captioner=captioner,
        control=control,
        rotation=rotation,
        benchmark=benchmark,
        benchmark_version="1",
        benchmark_sha256=sha256 or benchmark,
        chance=0.25,
        total=tally(outcomes),
        breakdowns=breakdowns or {},
        outcomes=outcomes,
        answers="",
        audit=AUDIT,
    )
