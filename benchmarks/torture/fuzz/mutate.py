"""Damages valid input: the same seed and number give the same damage, in whatever order."""

import json
import random
import struct
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

_MOST_STEPS = 6
_LONGEST_PIECE = 64
_LONGEST_COPY = 20_000
_CUT_SHARE = 0.3  # most damage is beyond a header
_INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000)
_SIZES = ("B", "<H", ">H", "<I", ">I", "<Q", ">Q")
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**40,
    0.0,
    -0.0,
    0.5,
    1e-320,
    1e308,
    -1e308,
    3.5e38,
    float("nan"),
    float("inf"),
    "",
    ".",
    "..",
    "/",
    "a" * 65,
    "x" * 5000,
    "\x00",
    "\udc80",
    "\u202e",
    "+",
    "#",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "0001-01-01T00:00:00+23:59",
    [],
    {},
    [None],
    [[]],
    {"": None},
)


def chance(seed: int, number: int) -> random.Random:
    """Return the chance of one input."""
    return random.Random(f"{seed}/{number}")  # noqa: S311 - to be the same every time


def mutated(content: bytes, rng: random.Random, words: Sequence[bytes] = ()) -> bytes:
    """Return ``content`` with one to six things wrong; ``words`` mean something in its format."""
    data = bytearray(content)
    for _ in range(rng.randint(1, _MOST_STEPS)):
        _step(data, rng, words)
    return bytes(data)


def _step(data: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.randint(1, _LONGEST_PIECE))
    match rng.randrange(10):
        case 0 | 1 | 2 if at < len(data):
            _change_byte(data, at, rng)
        case 3:
            del data[at:end]
        case 4:
            data[at:at] = data[at:end]
        case 5:
            data[at:at] = rng.randbytes(rng.randint(1, 16))
        case 6:
            number = _interesting(rng)
            data[at : at + len(number)] = number
        case 7 if words:
            data[at : at + rng.choice((0, rng.randint(0, 8)))] = rng.choice(words)
        case 8:
            other = rng.randrange(len(data) + 1)
            data[at:end] = data[other : other + end - at]
        case _:
            del data[at if rng.random() < _CUT_SHARE else len(data) :]


def _change_byte(data: bytearray, at: int, rng: random.Random) -> None:
    flipped = data[at] ^ (1 << rng.randrange(8))
    data[at] = rng.choice((flipped, rng.randrange(256), (data[at] + 1) % 256, (data[at] - 1) % 256))


def _interesting(rng: random.Random) -> bytes:
    size = rng.choice(_SIZES)
    bits = 8 * struct.calcsize(size)
    number = rng.choice((*_INTERESTING, 2 ** (bits - 1), 2**bits - 1, rng.getrandbits(bits)))
    return struct.pack(size, number % 2**bits)


def mutated_tree(value: Any, rng: random.Random) -> Any:  # noqa: ANN401 - any JSON
    """Return a JSON value with one to six things wrong somewhere in it."""
    tree = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, _MOST_STEPS)):
        tree = _changed(tree, rng)
    return tree


def _changed(tree: Any, rng: random.Random) -> Any:  # noqa: ANN401 - any JSON
    holders = [tree, *_below(tree)]
    inner = [held for held in holders if isinstance(held, dict | list) and held]
    if not inner:
        return deepcopy(rng.choice(_VALUES))
    holder = rng.choice(inner)
    key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match rng.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, deepcopy(holder[key]))
        case 1 if isinstance(holder, dict):
            holder[rng.choice(("", "x", "\udc80", f"{key}x", "a" * 200))] = deepcopy(holder[key])
        case 2:
            copied = json.dumps(rng.choice(holders))
            holder[key] = json.loads(copied) if len(copied) < _LONGEST_COPY else None
        case 3 if isinstance(holder[key], int | float) and abs(holder[key]) < 1e300:  # noqa: PLR2004
            holder[key] = rng.choice((-1, 2, 10, 0.1)) * holder[key]
        case _:
            holder[key] = deepcopy(rng.choice(_VALUES))
    return tree


def _below(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = []
    for item in held:
        found += [item, *_below(item)]
    return found


def as_json(tree: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return JSON as a careless sender writes it: also NaN, and halves of surrogate pairs."""
    return json.dumps(tree, ensure_ascii=False).encode(errors="surrogatepass")
