"""Decides what a stored collection has to change to equal what its sources give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from spine.contracts.personas import Chunk


@dataclass(frozen=True, slots=True)
class Changes:
    """One batch's changes: `add` is embedded and stored, `refresh` keeps its vector and gets new metadata."""

    add: tuple[Chunk, ...] = ()
    refresh: tuple[Chunk, ...] = ()
    keep: tuple[str, ...] = ()


def plan_batch(wanted: Sequence[Chunk], stored: Mapping[str, str | None]) -> Changes:
    """What to do about `wanted`, given `{id: fingerprint}` of those of them that are stored.

    The fingerprint is the one in `Chunk.metadata()`. It differs where a chunk has moved, in its work or to another one,
    or where a title, a heading or the language is told otherwise; its text, and so its vector, cannot differ under the
    same id.
    """
    return Changes(
        add=tuple(chunk for chunk in wanted if chunk.id not in stored),
        refresh=tuple(chunk for chunk in wanted if chunk.id in stored and not _is_same(chunk, stored)),
        keep=tuple(chunk.id for chunk in wanted if chunk.id in stored and _is_same(chunk, stored)),
    )


def surplus(stored_ids: Iterable[str], wanted: Callable[[Iterable[str]], set[str]]) -> list[str]:
    """The stored ids that no source gives any more, in their order; `wanted` is `Ledger.wanted`.

    Only right after every source of the collection was read to its end.
    """
    asked = list(stored_ids)
    kept = wanted(asked)
    return [stored for stored in asked if stored not in kept]


def _is_same(chunk: Chunk, stored: Mapping[str, str | None]) -> bool:
    return stored[chunk.id] == chunk.metadata()["fingerprint"]
