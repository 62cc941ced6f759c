"""The log-probability of options as an answer, asked one token at a time.

For engines that give log-probabilities of the next token alone. Options that begin alike share their questions: four
letters are one. It knows nothing of engines.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from earwitness.errors import EngineFailure

NextLogprobs = Callable[[Sequence[int], Sequence[int]], Awaitable[dict[int, float]]]
"""From the ids of what was answered so far, and those asked for, to the log-probability of each."""


async def score(options: Sequence[Sequence[int]], next_logprobs: NextLogprobs) -> list[tuple[float, int]]:
    """Returns each option's log-probability, summed over its tokens, and their number.

    Raises EngineFailure where the engine gives no finite number.
    """
    asked: dict[tuple[int, ...], set[int]] = {}
    for option in options:
        for at, token in enumerate(option):
            asked.setdefault(tuple(option[:at]), set()).add(token)
    answers = await asyncio.gather(*[next_logprobs(before, sorted(tokens)) for before, tokens in asked.items()])
    known = dict(zip(asked, answers, strict=True))
    scores = [math.fsum(known[tuple(option[:at])][token] for at, token in enumerate(option)) for option in options]
    if not all(map(math.isfinite, scores)):
        raise EngineFailure("the model gave no finite log-probability")
    return [(total, len(option)) for total, option in zip(scores, options, strict=True)]
