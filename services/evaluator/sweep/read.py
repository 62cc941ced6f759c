"""From a sweep file to a checked Sweep: every error names the key and the remedy."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

from earwitness import config
from earwitness.errors import InvalidInput, NotFound, UnknownKey
from earwitness.openai.catalogue import PREFIX, endpoint
from services.evaluator.items import SETTINGS, Answering, Control
from services.evaluator.prompts import caption_prompt, template
from services.evaluator.sweep.axes import Backbone, Captioner, Sweep

BUNDLED = Path(__file__).parents[1] / "sweeps"
DEFAULT_CAPTIONERS = Path(__file__).with_name("captioners.yaml")
_CHOICES: dict[str, tuple[str, ...]] = {
    "settings": SETTINGS,
    "controls": get_args(Control),
    "answering": get_args(Answering),
}
_NAMED = ("benchmarks", "captioners")
_FORMS = "write HOST:PORT or openai:NAME, or add the name under `targets` or to the endpoint catalogue"


def find(name: str) -> Path:
    """Returns the sweep file: a path, or the name of one that comes with Earwitness; raises NotFound."""
    bundled = {path.stem: path for path in sorted(BUNDLED.glob("*.yaml"))}
    path = Path(name)
    if path.is_file():
        return path
    if name in bundled:
        return bundled[name]
    raise NotFound(f"there is no sweep file {name}", "file", f"give a path, or one of {', '.join(bundled)}")


def read(file: Path, settings: Iterable[str] = (), targets: Mapping[str, str] | None = None) -> Sweep:
    """Returns the sweep in a YAML file, changed by `key=value` settings; `targets` stand above the file's own.

    Raises UnknownKey for a key that does not exist, InvalidInput for a value that cannot be, NotFound for a prompt
    template that does not exist.
    """
    tree = cast(dict[str, Any], config.load(dict, file, settings))
    for key in ("name", "backbones", "benchmarks"):
        if key not in tree:
            raise InvalidInput("is missing", key, f"see {BUNDLED.name}/mini.yaml, or `earwitness sweep mini --show`")
    if targets:
        tree["targets"] = {**(tree.get("targets") or {}), **targets}
    if isinstance(tree.get("seeds"), list):
        tree.setdefault("samples", len(tree["seeds"]))
    for key in _NAMED:
        if isinstance(tree.get(key), list):
            tree[key] = [{"name": entry} if isinstance(entry, str) else entry for entry in tree[key]]
    for key, known in _CHOICES.items():
        _check_choices(tree.get(key), key, known)
    for at, entry in enumerate(_mappings(tree.get("benchmarks"))):
        _check_choices(entry.get("settings"), f"benchmarks[{at}].settings", SETTINGS)
    sweep = _converted(tree)
    if "captioners" not in tree and "cascade" in sweep.settings:
        sweep = replace(sweep, captioners=_captioners_of_the_paper(sweep))
    sweep = _located(sweep)
    _check(sweep)
    return sweep


def _converted(tree: Mapping[str, Any]) -> Sweep:
    try:
        return config.convert(Sweep, tree)
    except UnknownKey:
        raise
    except InvalidInput as error:
        raise InvalidInput(
            error.message, error.field, "`earwitness sweep mini --show` prints a file to compare"
        ) from None


def _mappings(value: object) -> list[Mapping[str, Any]]:
    entries = cast(list[Any], value) if isinstance(value, list) else []
    return [cast(Mapping[str, Any], entry) if isinstance(entry, Mapping) else {} for entry in entries]


def _check_choices(value: object, key: str, known: Sequence[str]) -> None:
    for at, each in enumerate(cast(list[object], value) if isinstance(value, list) else []):
        if each not in known:
            raise InvalidInput(f"there is no {each!r}", f"{key}[{at}]", f"known: {', '.join(known)}")


def _captioners_of_the_paper(sweep: Sweep) -> tuple[Captioner, ...]:
    """Returns the default axis; each of its captioners needs a target, or a null in its place."""
    import yaml

    entries = cast(list[dict[str, Any]], yaml.safe_load(DEFAULT_CAPTIONERS.read_text()))
    axis = tuple(config.convert(Captioner, entry) for entry in entries)
    lacking = [captioner.name for captioner in axis if _address(sweep, captioner.name) is None]
    if lacking:
        names = f"{', '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no address"
        form = f"`targets: {{{lacking[0]}: HOST:PORT}}` (openai:NAME, or null to leave it out)"
        raise InvalidInput(
            f"without a `captioners` key the cascade is asked with the paper's captioners, and {names}",
            f"targets.{lacking[0]}",
            f"write {form}, or name your own `captioners`",
        )
    return axis


def _address(sweep: Sweep, reference: str) -> str | None:
    """Returns an address as it is or by its name, "" where that is left out, None where there is none."""
    if not reference or reference in sweep.targets:
        reference = sweep.targets.get(reference) or ""
    elif ":" not in reference:
        try:
            reference = f"{PREFIX}{endpoint(reference).name}"
        except NotFound:
            return None
    if reference.startswith(PREFIX):
        endpoint(reference)
    return reference


def _located(sweep: Sweep) -> Sweep:
    """Puts addresses in the places of names; raises NotFound for an `openai:NAME` that is not in the catalogue."""
    for name, value in sweep.targets.items():
        if value is not None and ":" not in value:
            raise InvalidInput(f"{value!r} is no address", f"targets.{name}", "write HOST:PORT, openai:NAME or null")

    def address(reference: str, key: str) -> str:
        try:
            found = _address(sweep, reference)
        except NotFound as error:
            raise NotFound(error.message, f"{key}: {error.field}", error.remedy) from None
        if found is None:
            raise InvalidInput(f"{reference!r} is no address", key, _FORMS)
        return found

    backbones = tuple(
        replace(each, llm=address(each.llm, f"backbones[{at}].llm"), lalm=address(each.lalm, f"backbones[{at}].lalm"))
        for at, each in enumerate(sweep.backbones)
    )
    captioners = tuple(
        replace(each, target=address(each.target or each.name, f"captioners[{at}].target"))
        for at, each in enumerate(sweep.captioners)
    )
    return replace(sweep, backbones=backbones, captioners=captioners)


def _check(sweep: Sweep) -> None:
    """Raises for axes that are empty, name a thing twice, or cannot be."""
    for key in ("backbones", "benchmarks", "settings", "controls", "rotations", "prompts", "answering"):
        if not getattr(sweep, key):
            raise InvalidInput("is empty", key, "give at least one, or leave the key out where it has a default")
    for key, named in (
        ("backbones", sweep.backbones),
        ("benchmarks", sweep.benchmarks),
        ("captioners", sweep.captioners),
    ):
        for name, count in Counter(each.name for each in named).items():
            if count > 1:
                raise InvalidInput(f"{name!r} is there {count} times", key, "give each a name of its own")
    for key, number in (
        ("samples", sweep.samples),
        ("in_flight", sweep.in_flight),
        ("sampling.max_tokens", sweep.sampling.max_tokens),
    ):
        if number < 1:
            raise InvalidInput("must be at least 1", key)
    if sweep.seeds and len(sweep.seeds) != sweep.samples:
        raise InvalidInput(
            f"are {len(sweep.seeds)} for {sweep.samples} samples", "seeds", "give one for each sample, or none"
        )
    if min(sweep.rotations) < 1:
        raise InvalidInput("must be at least 1: rotated by none, the options are as they were", "rotations")
    for name in sweep.prompts:
        template(name)
    for captioner in sweep.captioners:
        for name in captioner.prompts:
            caption_prompt(name)
    _check_backbones(sweep.backbones, [captioner.name for captioner in sweep.captioners])


def _check_backbones(backbones: Sequence[Backbone], captioners: Sequence[str]) -> None:
    """One address is one model: two backbones at one would be the same measured twice."""
    seen: dict[tuple[str, str, bool], str] = {}
    for at, backbone in enumerate(backbones):
        for service, address in (("llm", backbone.llm), ("lalm", backbone.lalm)):
            place = service, address, backbone.thinking
            if address and place in seen:
                text = f"{address} is the address of {seen[place]!r} too"
                raise InvalidInput(text, f"backbones[{at}].{service}", "serve each model at an address of its own")
            seen[place] = backbone.name
        for name in backbone.captioners or ():
            if name not in captioners:
                known = f"known: {', '.join(captioners)}" if captioners else "the sweep asks with none"
                raise InvalidInput(f"there is no captioner {name!r}", f"backbones[{at}].captioners", known)
        if backbone.items_per_s <= 0 or backbone.gpus < 0:
            raise InvalidInput("must not be negative, nor items_per_s nought", f"backbones[{at}]")
