"""From a run's spec to what the core needs: names looked up, paths kept within the data folder, defaults filled in."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness.errors import InvalidInput, NotFound
from earwitness.runs import RunSpec
from services.evaluator import benchmarks, prompts
from services.evaluator.plan import Plan, Targets
from services.evaluator.service import ENDPOINT

if TYPE_CHECKING:
    from services.evaluator.config import EvaluatorConfig
    from services.evaluator.items import Benchmark, Setting

KINDS: "dict[Setting, tuple[str, ...]]" = {"text": ("llm",), "cascade": ("llm", "captioner"), "audio": ("lalm",)}
"""The services that a setting asks."""


def complete(spec: RunSpec, config: "EvaluatorConfig") -> RunSpec:
    """Returns the spec with the server's defaults in it and without targets that its setting does not ask.

    Equal runs have equal specs then. Raises NotFound for a benchmark, prompt, endpoint or file that does not exist,
    InvalidInput for a path that leaves the data folder; it reads no benchmark.
    """
    _find_items(spec, config)
    _within(config.data, spec.overlay, "spec.overlay")
    asked = {kind: getattr(spec, kind) or getattr(config, kind) for kind in KINDS[spec.setting]}
    for target in asked.values():
        _require_endpoint(target)
    whole = replace(
        spec,
        **{"llm": "", "captioner": "", "lalm": "", **asked},
        prompt=spec.prompt or prompts.DEFAULT,
        caption_prompt=spec.caption_prompt or prompts.PLAIN,
    )
    prompts.template(whole.prompt)
    prompts.caption_prompt(whole.caption_prompt)
    return whole


def benchmark_of(spec: RunSpec, config: "EvaluatorConfig") -> "Benchmark":
    """Reads a complete spec's benchmark, which takes time for a large one; raises as `benchmarks.load` does."""
    overlay = _within(config.data, spec.overlay, "spec.overlay")
    return benchmarks.load(spec.benchmark, _within(config.data, spec.data, "spec.data"), overlay)


def plan_of(spec: RunSpec) -> Plan:
    """Returns how a complete spec asks."""
    shared = set(Plan.__dataclass_fields__) & set(RunSpec.__dataclass_fields__)
    return Plan(**{name: getattr(spec, name) for name in shared})


def targets_of(spec: RunSpec) -> Targets:
    """Returns whom a complete spec asks."""
    return Targets(llm=spec.llm, captioner=spec.captioner, lalm=spec.lalm)


def _find_items(spec: RunSpec, config: "EvaluatorConfig") -> None:
    """Raises where there is no file that the benchmark can be read from."""
    entry = benchmarks.entry_of(spec.benchmark)
    given = _within(config.data, spec.data, "spec.data")
    if given and given.is_dir():
        benchmarks.find(spec.benchmark, given)
    if given or entry.path:
        return
    try:
        benchmarks.find(spec.benchmark, benchmarks.folder_of(spec.benchmark))
    except NotFound:
        remedy = f"give the path of {entry.wanted}, relative to the server's data folder"
        raise InvalidInput(f"'{spec.benchmark}' does not come with Earwitness", "spec.data", remedy) from None


def _within(root: Path | None, path: str, field: str) -> Path | None:
    """Returns the file or folder at a relative path, None for ""; links count as what they lead to."""
    if not path:
        return None
    if root is None:
        raise InvalidInput("the server has no data folder", field, "leave it out, or start the server with data=FOLDER")
    root = root.resolve()
    missing = NotFound(f"the server's data folder has no {path[:100]!r}", field, "give a path relative to it")
    try:
        found = (root / path).resolve()
        if Path(path).is_absolute() or not found.is_relative_to(root):
            raise InvalidInput("leads out of the server's data folder", field, "give a path relative to it")
        if not found.exists():
            raise missing
    except (OSError, RuntimeError):  # a name too long for the file system, or a loop of links
        raise missing from None
    return found


def _require_endpoint(target: str) -> None:
    if target.startswith(ENDPOINT):
        from earwitness.openai import endpoint

        endpoint(target)
