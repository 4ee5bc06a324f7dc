"""Mutations of files: of bytes, as disks and networks make them, and of JSON, as people make them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]


def flip_bit(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def set_bytes(chance: random.Random, content: bytes) -> bytes:
    """Up to four bytes become values that mean something in one of the formats."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(min(len(changed), chance.choice([64, 400, len(changed)])))
        changed[at] = chance.choice([0, 1, 127, 128, 250, 251, 252, 253, 254, 255, *b'{}[],:"0-9\\'])
    return bytes(changed)


def truncate(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def append(chance: random.Random, content: bytes) -> bytes:
    return content + chance.randbytes(chance.choice([1, 2, 100]))


def delete(chance: random.Random, content: bytes) -> bytes:
    at, count = chance.randrange(len(content)), chance.choice([1, 4, 50])
    return content[:at] + content[at + count :]


def repeat(chance: random.Random, content: bytes) -> bytes:
    at, count = chance.randrange(len(content)), chance.choice([1, 4, 50])
    return content[: at + count] + content[at:]


def blank(chance: random.Random, content: bytes) -> bytes:
    """A hole of zeros, as a crash leaves it."""
    at = chance.randrange(len(content))
    end = min(len(content), at + chance.choice([8, 512, 4096]))
    return content[:at] + bytes(end - at) + content[end:]


def move(chance: random.Random, content: bytes) -> bytes:
    """Two pieces change places."""
    a, b, c = sorted(chance.randrange(len(content) + 1) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def digit(chance: random.Random, content: bytes) -> bytes:
    places = [at for at, byte in enumerate(content[:5000]) if chr(byte).isdigit() and byte < 128]
    if not places:
        return flip_bit(chance, content)
    at = chance.choice(places)
    return content[:at] + chance.choice([b"0", b"9", b"-1", b"1e999", b"99999999999"]) + content[at + 1 :]


def nonsense(chance: random.Random, content: bytes) -> bytes:
    return chance.choice(
        [
            b"",
            b"[" * 100_000,
            b"\xff" * 9,
            b"{}",
            b"null",
            b"1" * 5000,
            b"\x80\x04\x95",
            chance.randbytes(len(content)),
        ]
    )


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    set_bytes,
    set_bytes,
    truncate,
    append,
    delete,
    repeat,
    blank,
    move,
    digit,
    nonsense,
)

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**70,
    0.5,
    1e308,
    float("nan"),
    "",
    "x",
    "../../etc/passwd",
    "\ud800",
    [],
    {},
    [[]],
)


def mutate(chance: random.Random, content: bytes) -> bytes:
    """One to three mutations of bytes; never the same content."""
    for _ in range(100):
        changed = content
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            if changed:
                changed = chance.choice(MUTATIONS)(chance, changed)
        if changed != content:
            return changed
    return content + b"\0"


def mutate_json(chance: random.Random, content: bytes) -> bytes:
    """One to three values somewhere in a JSON file are replaced, removed or doubled."""
    values = json.loads(content)
    for _ in range(chance.choice([1, 1, 2, 3])):
        values = _changed(chance, values)
    return json.dumps(values).encode("ascii")


def _changed(chance: random.Random, values: Any) -> Any:
    if not isinstance(values, dict | list) or not values or chance.random() < 0.02:
        return deepcopy(chance.choice(ODD))  # the next change may be one of its own
    keys = list(values) if isinstance(values, dict) else range(len(values))
    key = chance.choice(keys)
    kind = chance.random()
    if kind < 0.7:
        values[key] = _changed(chance, values[key])
    elif kind < 0.85:
        del values[key]
    elif isinstance(values, list):
        values.append(values[key])
    else:
        values[f"{key}2"] = values[key]
    return values
