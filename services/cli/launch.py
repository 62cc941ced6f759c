"""`earwitness serve --system`: a system of the catalogue as a service with settings, and what a user changes of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earwitness import catalogue
from earwitness.catalogue import Launch
from earwitness.errors import InvalidInput, NotReady


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What is to be served."""

    service: str
    changes: list[str]
    """Settings as `key=value`, the catalogue's before the user's."""
    lines: tuple[str, ...] = ()
    """What there is to say of a system: the command that its entry stands for, and what was changed of it."""
    before: tuple[str, ...] = ()
    """The commands, each after `first: `, that make or fetch what is not there yet."""


def choose(service: str | None, system: str, changes: Sequence[str]) -> Chosen:
    """Returns the service that was named, or that runs the system; `changes` are the user's settings, `key=value`.

    Raises:
        NotFound: there is no such system.
        InvalidInput: neither is named, the system is none of the service's, or one that does not start.
    """
    if not system:
        if service is None:
            raise InvalidInput("is missing", "name", "name a service, or a system of the catalogue by --system")
        return Chosen(service=service, changes=list(changes))
    launch = catalogue.resolve(system)
    name = catalogue.find(system).name
    if service not in (None, launch.service):
        raise InvalidInput(f"{name} is served by the {launch.service}, not by the {service}", "name", "leave it out")
    own = {key: value for key, _, value in (change.partition("=") for change in changes)}
    whole = replace(launch, settings=launch.settings | own)
    return Chosen(
        service=launch.service,
        changes=[*launch.changes, *changes],
        lines=(f"{name}: {whole.command}", *_differences(launch.settings, own)),
        before=tuple(f"first: {command}" for command in _undone(whole)),
    )


def require_made(chosen: Chosen) -> None:
    """Raises NotReady where what a system is made of is not there yet."""
    if chosen.before:
        remedy = "--dry-run prints the commands that make it"
        raise NotReady("the system's checkpoint is not there yet", "--system", remedy)


def _differences(settings: Mapping[str, str], own: Mapping[str, str]) -> Iterator[str]:
    for key, value in own.items():
        before = settings.get(key)
        if before != value:
            yield f"changed: {key}={value}" + (f" instead of {before}" if before is not None else "")


def _undone(launch: Launch) -> tuple[str, ...]:
    """Returns what has to be done first, nothing where the checkpoint is there."""
    checkpoint = launch.settings.get("checkpoint", "")
    return () if checkpoint and Path(checkpoint).expanduser().exists() else launch.before
