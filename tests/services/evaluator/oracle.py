"""The official evaluation of MMAU and MMAR, said again from its description, as the tests' second opinion.

For each row that has the key: the prediction's words are taken, in lower case; it is right if it has every word of the
answer, and no word of another choice that the answer does not have. A row without the key is left out.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def tokenize(text: str) -> set[str]:
    return set(re.findall(r"\b\w+\b", text.lower()))


def string_match(answer: str, prediction: str, choices: Iterable[str]) -> bool:
    prediction_tokens, answer_tokens = tokenize(prediction), tokenize(answer)
    if not prediction_tokens:
        return False
    incorrect: set[str] = set()
    for choice in choices:
        choice_tokens = tokenize(choice)
        if choice_tokens != answer_tokens:
            incorrect.update(choice_tokens - answer_tokens)
    return answer_tokens.issubset(prediction_tokens) and prediction_tokens.isdisjoint(incorrect)


def evaluate(rows: Iterable[Mapping[str, Any]], key: str, fields: Iterable[str]) -> dict[str, dict[str, list[int]]]:
    """Returns [right, all] of the whole ("total", "") and of each label of each field."""
    fields = tuple(fields)
    counts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row in rows:
        if key not in row:
            continue
        right = string_match(row["answer"], row[key], row["choices"])
        for field, label in (("total", ""), *((field, row[field]) for field in fields)):
            counts[field][label][0] += right
            counts[field][label][1] += 1
    return {field: dict(labels) for field, labels in counts.items()}
