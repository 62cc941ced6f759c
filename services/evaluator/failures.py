"""Failed calls by kind: what their messages say, whatever numbers and hashes stand in them."""

import re
from collections.abc import Collection

MAX_KINDS = 99
"""Kinds that are told apart; all others are one."""
MAX_KIND = 160
"""Characters of a message that make its kind."""
OTHER = "others"
_NUMBERS = re.compile(r"[0-9a-f]{8,}|\d+(\.\d+)?")


def kind_of(error: str, known: Collection[str] = ()) -> str:
    """Returns the kind of a failure from its message; `OTHER` where it would be one too many beside the known ones."""
    kind = _NUMBERS.sub("N", " ".join(error.split()))[:MAX_KIND]
    return kind if kind in known or len(known) < MAX_KINDS else OTHER
