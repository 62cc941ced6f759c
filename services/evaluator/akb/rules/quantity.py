"""Rules whose options are numbers with units: how such an option is read, and when it states a computed value.

A formula is a function that returns a number in a base unit; `quantity` makes a rule of it and leaves it callable:

    @quantity("Hz")
    def nyquist_frequency(*, sample_rate_hz: float) -> float: ...

An option is right when the computed value rounds to the number as it is written and is within 2 % of it, so that
"22 kHz" states 22050 Hz.
"""

import inspect
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from services.evaluator.akb.rules.registry import rule

Formula = TypeVar("Formula", bound=Callable[..., float])

UNITS = {
    "Hz": ("Hz", "1"),
    "kHz": ("Hz", "1e3"),
    "ms": ("s", "1e-3"),
    "µs": ("s", "1e-6"),
    "s": ("s", "1"),
    "mm": ("m", "1e-3"),
    "cm": ("m", "1e-2"),
    "mV": ("V", "1e-3"),
    "V": ("V", "1"),
    "kbit/s": ("bit/s", "1e3"),
    "Mbit/s": ("bit/s", "1e6"),
    "kB": ("byte", "1e3"),
    "MB": ("byte", "1e6"),
    "GB": ("byte", "1e9"),
    "%": ("", "1e-2"),
}
"""A written unit: its base unit and the factor to it. A unit that is not here is its own base."""

NEAR = 0.02
"""The furthest, relative to the value, that rounding may lead; anything else so near is no fair distractor."""

COUNTS = ("", "bits", "samples", "frames", "bins", "levels", "semitones")
"""The units of whole numbers, where the nearest miss is a fair distractor."""


def read(option: str, unit: str) -> tuple[float, float]:
    """Reads "22.05 kHz" in its base unit: the number, and half a unit of its last written place.

    Raises `ValueError` if the option is no number, or its unit does not reduce to `unit`.
    """
    match = re.fullmatch(r"([-−]?\d[\d,]*(?:\.\d+)?)\s*(.*)", option)
    if not match:
        raise ValueError(f"{option!r} is not a number with a unit")
    base, factor = UNITS.get(match[2], (match[2], "1"))
    if base != unit:
        raise ValueError(f"{option!r} is not given in {unit or 'a bare number'}")
    number = Decimal(match[1].replace(",", "").replace("−", "-"))
    half_place = Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)
    return float(number * Decimal(factor)), float(half_place * Decimal(factor))


def states(option: str, value: float, unit: str) -> bool:
    """Whether the option states `value`, which is given in `unit`; raises `ValueError` if it is too close to call."""
    number, half_place = read(option, unit)
    error = abs(number - value)
    near = error <= NEAR * abs(value)
    if near and error <= half_place * (1 + 1e-9):
        return True
    if near and unit not in COUNTS:
        raise ValueError(f"{option!r} is too close to {value:g} {unit} to be called wrong")
    return False


def quantity(unit: str) -> Callable[[Formula], Formula]:
    """Registers a rule under the formula's name that accepts the options which state its value in `unit`."""

    def register(formula: Formula) -> Formula:
        def judge(option: str, **arguments: object) -> bool:
            return states(option, formula(**arguments), unit)

        signature = inspect.signature(formula)
        option = inspect.Parameter("option", inspect.Parameter.POSITIONAL_ONLY, annotation=str)
        judge.__name__, judge.__module__, judge.__doc__ = formula.__name__, formula.__module__, formula.__doc__
        judge.__signature__ = signature.replace(  # pyright: ignore[reportFunctionMemberAccess]
            parameters=[option, *signature.parameters.values()], return_annotation=bool
        )
        rule(judge)
        return formula

    return register
