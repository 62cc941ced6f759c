"""What a run said to its model about an item, put together again from the run's plan: nobody keeps prompts themselves.

It is what was sent as long as the template of that name says what it said then; templates carry a version for that.
"""

from dataclasses import dataclass

from earwitness.errors import NotFound
from services.evaluator.answers import ItemResult
from services.evaluator.prompts import caption_prompt, template
from services.evaluator.result import RunResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The words of one question."""

    system: str = ""
    user: str = ""
    captioner: str = ""
    """What the captioner was told beside the clip; "" for nothing."""
    fault: str = ""
    """Why they cannot be put together."""


def sent(result: RunResult, item: ItemResult) -> Sent:
    """Returns what a run said about an item, the options in the order in which they were put."""
    setting = "text" if result.control == "blind" else result.setting
    try:
        system, user = template(result.prompt).render(item.item, setting, item.caption)
        told = caption_prompt(result.caption_prompt).render(item.item) if result.caption_prompt else ""
    except NotFound as error:
        return Sent(fault=f"{error.message}: the run was asked by another version of Earwitness")
    return Sent(system=system.content, user=user.content, captioner=told)
