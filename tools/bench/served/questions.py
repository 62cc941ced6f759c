"""What is asked, of both sides alike: mini-akb's questions and mini-mmau's clips, in the words of an evaluation.

Each round asks other questions: the same ones would be in the engines' prefix caches.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from earwitness.conversation import Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question with its options; `clip` is the file that it is about, if any."""

    turns: tuple[Turn, ...]
    choices: tuple[str, ...]
    clip: Path | None = None

    def tree(self) -> dict[str, Any]:
        """Returns it as JSON can say it."""
        return asdict(self) | {"clip": str(self.clip) if self.clip else None}

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> "Asked":
        """Reads what `tree` returned."""
        clip = Path(tree["clip"]) if tree["clip"] else None
        return cls(turns=tuple(Turn(**turn) for turn in tree["turns"]), choices=tuple(tree["choices"]), clip=clip)


def questions(benchmark: str, count: int, round_number: int) -> Sequence[Asked]:
    """Returns the first `count` questions of a benchmark, each with the round's number before it, and so new.

    The number stands at the beginning, since what begins alike is cached.
    """
    from services.evaluator import benchmarks
    from services.evaluator.prompts import DEFAULT, template

    loaded, wording = benchmarks.load(benchmark), template(DEFAULT)
    setting = "audio" if loaded.has_audio else "text"
    found: list[Asked] = []
    for number in range(count):
        item = loaded.items[number % len(loaded.items)]
        system, user = wording.render(item, setting)
        numbered = Turn(role="system", content=f"{round_number}.{number}. {system.content}")
        found.append(Asked(turns=(numbered, user), choices=tuple(item.choices), clip=item.audio))
    return found
