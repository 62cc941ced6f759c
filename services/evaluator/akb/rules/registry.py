"""The rules by which answers are verified: functions that can say of an option, by computation, whether it is right.

A rule takes an option's text and the arguments that the question's `evidence` names, and returns whether that option is
right:

    @rule
    def syllable_count(option: str, *, word: str) -> bool: ...

so that the builder can ask for `True` on the answer and `False` on every distractor. A rule that cannot judge (an
unknown word, an option that it cannot read) raises `ValueError` with the reason. This module knows no rule of its
own; `load_rules` imports them.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TypeVar

Rule = Callable[..., bool]
AnyRule = TypeVar("AnyRule", bound=Rule)

RULES: dict[str, Rule] = {}
MODULES = ("everyday", "music", "phonetic", "signals", "sound")


def rule(function: AnyRule) -> AnyRule:
    """Registers a rule under the function's name; raises `ValueError` if another function holds that name."""
    name = function.__name__
    holder = RULES.setdefault(name, function)
    if holder.__module__ != function.__module__:
        raise ValueError(f"two rules are called {name}: in {holder.__module__} and in {function.__module__}")
    RULES[name] = function
    return function


def load_rules() -> None:
    """Imports every module of rules, which registers them."""
    for module in MODULES:
        importlib.import_module(f"{__package__}.{module}")


def fault(evidence: Mapping[str, object], answer: str, distractors: list[str]) -> str:
    """Says what the rule that `evidence` names objects to: "" if the answer is right and all distractors wrong."""
    arguments = dict(evidence)
    name = arguments.pop("rule", None)
    if name not in RULES:
        return f"no rule is called {name!r}"
    holds = RULES[str(name)]
    try:
        inspect.signature(holds).bind(answer, **arguments)
    except TypeError as error:
        return f"rule {name}: {error}"
    try:
        if not holds(answer, **arguments):
            return f"rule {name} rejects the answer {answer!r}"
        right = [distractor for distractor in distractors if holds(distractor, **arguments)]
    except ValueError as error:
        return f"rule {name} cannot judge: {error}"
    return f"rule {name} also accepts {', '.join(map(repr, right))}" if right else ""
