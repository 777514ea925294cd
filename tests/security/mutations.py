"""Damage of the kinds that disks, networks and enemies do to a file, drawn by hypothesis so that it can be replayed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hypothesis import strategies as st

ODD_PIECES: Sequence[bytes] = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    "\u202e\u200b".encode(),
    "٣١٢".encode(),
    b"9" * 6000,
    b"-1e999",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"<div>" * 3000,
    b"<a " + b"x=1 " * 3000 + b">",
    b'<a href="' + b"A" * 50_000 + b'">',
    b"&#xD800;&#1114112;&lt;" * 200,
    b"<!--",
    b"<![CDATA[",
    b"]]>",
    b"((((" * 500,
    b'"',
    b"\\",
    b"\r\n" * 500,
    b",;\t" * 500,
    b"*_`#>" * 400,
)


@st.composite
def damaged(draw: st.DrawFn, originals: Sequence[bytes]) -> bytes:
    """One of the originals with up to eight places changed, or bytes that never were a file."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=2000))
    chance = draw(st.randoms(use_true_random=False))
    raw = chance.choice(originals)
    for _ in range(draw(st.integers(1, 8))):
        raw = chance.choice(_WAYS)(raw, chance)
    return raw


def _flip(raw: bytes, chance: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(min(len(raw), chance.choice((1, 4, 64)))):
        changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)] if chance.random() < 0.5 else raw[chance.randrange(len(raw) + 1) :]


def _insert(raw: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(raw) + 1)
    return raw[:place] + chance.choice(ODD_PIECES) + raw[place:]


def _repeat(raw: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(raw) + 1)
    end = min(len(raw), start + chance.randrange(1, 2000))
    return raw[:start] + raw[start:end] * chance.choice((2, 3, 40)) + raw[end:]


def _drop(raw: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(raw) + 1)
    return raw[:start] + raw[start + chance.randrange(1, 2000) :]


_WAYS: Sequence[Callable[[bytes, random.Random], bytes]] = (_flip, _flip, _cut, _insert, _insert, _repeat, _drop)


@contextmanager
def over_within(seconds: float) -> Iterator[None]:
    """Time of this process, so that a busy machine does not count."""
    begun = time.process_time()
    yield
    spent = time.process_time() - begun
    assert spent < seconds, f"it took {spent:.1f} s"
