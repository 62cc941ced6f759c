"""Bytes made wrong: flipped, cut, doubled, overwritten. What comes of it depends on the generator's state alone."""

import random
import struct
from collections.abc import Callable

SIZES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
"""What lengths and counts overflow at."""
Mutation = Callable[[random.Random, bytearray], None]


def mutate(luck: random.Random, data: bytes, within: int | None = None) -> bytes:
    """Returns the data with one to eight mutations, all within its first bytes if a number of them is given."""
    head, rest = bytearray(data[:within]), data[len(data[:within]) :]
    for _ in range(luck.randint(1, 8)):
        if head:
            luck.choice(MUTATIONS)(luck, head)
    return bytes(head) + rest


def noise(luck: random.Random, most: int = 4096) -> bytes:
    """Returns random bytes, few more often than many."""
    return luck.randbytes(int(most ** luck.random()))


def _flip(luck: random.Random, data: bytearray) -> None:
    data[luck.randrange(len(data))] ^= 1 << luck.randrange(8)


def _overwrite(luck: random.Random, data: bytearray) -> None:
    at = luck.randrange(len(data))
    piece = luck.randbytes(luck.randint(1, 8))
    data[at : at + len(piece)] = piece


def _insert(luck: random.Random, data: bytearray) -> None:
    at = luck.randint(0, len(data))
    data[at:at] = luck.randbytes(luck.randint(1, 32))


def _delete(luck: random.Random, data: bytearray) -> None:
    at = luck.randrange(len(data))
    del data[at : at + luck.randint(1, 32)]


def _cut(luck: random.Random, data: bytearray) -> None:
    del data[luck.randint(0, len(data)) :]


def _double(luck: random.Random, data: bytearray) -> None:
    at = luck.randrange(len(data))
    data[at:at] = data[at : at + luck.randint(1, 256)]


def _resize(luck: random.Random, data: bytearray) -> None:
    """Writes an extreme number over four bytes, in either order."""
    at = luck.randrange(len(data))
    data[at : at + 4] = struct.pack(luck.choice("<>") + "I", luck.choice(SIZES))


MUTATIONS: tuple[Mutation, ...] = (_flip, _overwrite, _insert, _delete, _cut, _double, _resize)
