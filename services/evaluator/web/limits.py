"""How much one address may ask of the door and of the live pages, and how much all of them together."""

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from earwitness.errors import Overloaded

ATTEMPTS = 10
"""Wrong tokens that an address may show in one go; they are forgiven evenly over `FORGIVEN_S`."""
FORGIVEN_S = 60.0
WATCHERS, WATCHERS_EACH = 128, 16
"""Pages that are kept up to date at once: in all, and of one address."""
WATCH_AGAIN_S = 15.0
MAX_ADDRESSES = 10_000
NETWORK_BITS = 64
"""Of an IPv6 address: the rest is one customer's own to choose (RFC 6177)."""


class Limits:
    """Counts what addresses ask. For one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, tuple[float, float]] = {}
        """Wrong tokens by place, less those forgiven, as of a moment."""
        self._watchers = Counter[str]()

    def check_attempts(self, address: str) -> None:
        """Raises Overloaded for an address that has shown too many wrong tokens of late, whatever it shows now."""
        over = self._spent(_place(address)) + 1 - ATTEMPTS
        if over > 0:
            wait_s = math.ceil(over * FORGIVEN_S / ATTEMPTS)
            text = "too many wrong tokens came from this address"
            raise Overloaded(text, "token", f"try again in {wait_s} s", wait_s)

    def note_wrong(self, address: str) -> None:
        """Counts a wrong token."""
        place = _place(address)
        spent = self._spent(place)
        self._wrong.pop(place, None)
        self._wrong[place] = spent + 1, self._clock()
        while len(self._wrong) > MAX_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]

    @contextmanager
    def watching(self, address: str) -> Generator[None]:
        """Holds a place among the pages that are kept up to date, or raises Overloaded."""
        place = _place(address)
        if self._watchers[place] >= WATCHERS_EACH or self._watchers.total() >= WATCHERS:
            remedy = f"close one, or try again in {WATCH_AGAIN_S:g} s"
            raise Overloaded("too many pages are kept up to date already", "sweep", remedy, WATCH_AGAIN_S)
        self._watchers[place] += 1
        try:
            yield
        finally:
            self._watchers[place] -= 1
            if not self._watchers[place]:
                del self._watchers[place]

    def _spent(self, place: str) -> float:
        spent, then = self._wrong.get(place, (0.0, 0.0))
        return max(0.0, spent - (self._clock() - then) * ATTEMPTS / FORGIVEN_S)


def _place(address: str) -> str:
    """Returns what of an address tells one customer from the next."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, NETWORK_BITS), strict=False))
    return address
