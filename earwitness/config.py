"""Configuration: a frozen dataclass from its defaults, a YAML file, the environment and the command line.

A key that does not exist and a value of the wrong type are errors that name the key and the known ones. A value from
the environment or the command line is text until the key's type says otherwise: `language=no` is Norwegian, not false.
"""

import dataclasses
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from earwitness.errors import InvalidInput, NotFound, UnknownKey

C = TypeVar("C")
Tree = dict[str, Any]
_MAPPINGS = (dict, Mapping)
_SEQUENCES = (list, tuple, Sequence)


def load(cls: type[C], file: Path | None = None, settings: Iterable[str] = (), *, env_prefix: str = "") -> C:
    """Builds `cls` from a YAML file, `PREFIX_KEY` variables (`__` for a dot) and `key.path=value` settings.

    Raises NotFound for a missing file, UnknownKey for a key that `cls` lacks, InvalidInput for a wrong value.
    """
    tree = _read(file) if file else {}
    if env_prefix:
        for name, value in os.environ.items():
            if name.startswith(f"{env_prefix}_"):
                _put(tree, name.removeprefix(f"{env_prefix}_").lower().replace("__", "."), value)
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise InvalidInput(f"{setting!r} is not of the form key=value", "--set", "such as --set model=./my-model")
        _put(tree, key, value)
    return convert(cls, tree)


def convert(cls: type[C], tree: Mapping[str, Any], origin: str = "") -> C:
    """Builds `cls` from a mapping, strictly; `origin` stands before a key in errors."""
    import msgspec

    _refuse_unknown(cls, tree, origin)
    try:
        return msgspec.convert(tree, cls, strict=False, dec_hook=_path_from)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        key = origin + path.strip("`").removeprefix("$.").removeprefix("$")
        raise InvalidInput(
            message[:1].lower() + message[1:], key, "see the defaults in the service's config.py"
        ) from None


def to_tree(config: Any) -> Tree:
    """Returns a configuration as JSON values, for a file or another process."""
    import msgspec

    return cast(Tree, msgspec.json.decode(msgspec.json.encode(config, enc_hook=str)))


def _path_from(kind: type, value: Any) -> Any:
    """Reads the one kind of value that msgspec does not know."""
    if kind is not Path:
        raise NotImplementedError(kind)
    if not isinstance(value, str):
        raise TypeError(f"expected a path, got {value!r}")  # which msgspec reports with the key
    return Path(value).expanduser()


def _read(file: Path) -> Tree:
    import yaml

    try:
        tree: object = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        raise NotFound("there is no such configuration file", str(file)) from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"not readable as YAML: {' '.join(str(error).split())}", str(file)) from None
    if not isinstance(tree, dict):
        raise InvalidInput("the file does not hold a mapping of keys to values", str(file))
    return cast(Tree, tree)


def _put(tree: Tree, key: str, value: str) -> None:
    """Sets a dotted key."""
    *parents, last = key.split(".")
    for parent in parents:
        child = tree.setdefault(parent, {})
        if not isinstance(child, dict):
            raise InvalidInput("is a value, not a group of keys", parent)
        tree = cast(Tree, child)
    tree[last] = _value(value)


def _value(text: str) -> Any:
    """Reads a list, a mapping or null as YAML; the rest stays text, which `convert` turns into what the key wants."""
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if value is None or isinstance(value, list | dict) else text


def _refuse_unknown(kind: Any, value: Any, origin: str) -> None:
    """Walks a value beside its type and raises UnknownKey for the first key that its dataclass has no field for.

    `origin` is where the value stands, such as `engines[1]`, with a dot behind it in front of a key.
    """
    if isinstance(value, Mapping) and dataclasses.is_dataclass(kind):
        _refuse_unknown_in(kind, cast(Mapping[str, Any], value), origin)
    elif get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            _refuse_unknown(one, value, origin)
    elif isinstance(value, Mapping) and get_origin(kind) in _MAPPINGS:
        for key, element in cast(Mapping[str, Any], value).items():
            _refuse_unknown(get_args(kind)[1], element, f"{origin}{key}.")
    elif isinstance(value, list) and get_origin(kind) in _SEQUENCES:
        for index, element in enumerate(cast(list[Any], value)):
            _refuse_unknown(_element(kind, index), element, f"{origin.removesuffix('.')}[{index}].")


def _refuse_unknown_in(cls: Any, tree: Mapping[str, Any], origin: str) -> None:
    hints = get_type_hints(cls)
    for key, value in tree.items():
        if key not in hints:
            close = difflib.get_close_matches(str(key), hints, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(hints)}"
            raise UnknownKey("there is no such configuration key", f"{origin}{key}", remedy)
        _refuse_unknown(hints[key], value, f"{origin}{key}.")


def _element(kind: Any, index: int) -> Any:
    """Returns the type of an element of a list, or of a tuple of one kind or of several."""
    kinds = get_args(kind)
    return kinds[0] if len(kinds) == 1 or kinds[-1] is Ellipsis else (*kinds, None)[min(index, len(kinds))]
