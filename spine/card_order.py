"""The order of a backlog: dependencies first, then priority. Pure: decides, starts nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from heapq import heapify, heappop, heappush

from spine.contracts.cards import Card, CardStatus, Mode

_FAILED = frozenset({CardStatus.FAILED, CardStatus.BLOCKED})

Urgency = tuple[int, int]
"""Priority, highest first, then the place in the backlog."""


def cycle_in(depends_on: Mapping[str, Iterable[str]]) -> list[str]:
    """The cards of one cycle, the first repeated at the end (`[a, b, a]`: a depends on b); empty without a cycle."""
    try:
        TopologicalSorter(depends_on).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def in_order(cards: Sequence[Card]) -> list[Card]:
    """Every card after those it depends on; of the cards that may come next the most urgent one.

    Dependencies that are not among `cards` do not count. A cycle must have been refused before.
    """
    by_id = {card.card_id: card for card in cards}
    urgency = {card.card_id: (-card.priority, place) for place, card in enumerate(cards)}
    sorter = TopologicalSorter({card.card_id: by_id.keys() & {*card.depends_on} for card in cards})
    sorter.prepare()
    ready = [(urgency[id], id) for id in sorter.get_ready()]
    heapify(ready)
    ordered: list[Card] = []
    while ready:
        _, card_id = heappop(ready)
        ordered.append(by_id[card_id])
        sorter.done(card_id)
        for freed in sorter.get_ready():
            heappush(ready, (urgency[freed], freed))
    return ordered


@dataclass(frozen=True, slots=True)
class Next:
    """What to do now: cards to start, and cards that cannot be done with the reason for each."""

    start: list[str]
    blocked: dict[str, str]


def next_cards(
    ordered: Sequence[Card], status: Mapping[str, CardStatus], running: set[str], mode: Mode, concurrency: int
) -> Next:
    """What to do with the cards that neither run nor have ended (`status` PENDING).

    `status` knows every card and everything that one depends on. A card never begins before all of that is DONE,
    whatever the mode; the modes differ in who waits for whom besides:

    - sequence: a card waits for every card before it.
    - parallel: a card waits until every card before it has begun.
    - groups: a card waits until every card of an earlier wave has ended.
    - dependencies: a card waits for nothing but its dependencies.
    """
    waiting = [card for card in ordered if status[card.card_id] is CardStatus.PENDING and card.card_id not in running]
    blocked = {card.card_id: why for card in waiting if (why := hindrance(card, status, running | _ids(waiting)))}
    free = (1 if mode == "sequence" else concurrency) - len(running)
    start: list[str] = []
    wave = _first_wave(ordered, status, running, blocked) if mode == "groups" else None
    for card in waiting:
        if len(start) >= free:
            break
        if card.card_id in blocked or (wave is not None and card.card_id not in wave):
            continue
        if all(status[one] is CardStatus.DONE for one in card.depends_on):
            start.append(card.card_id)
        elif mode in ("sequence", "parallel"):
            break
    return Next(start, blocked)


def hindrance(card: Card, status: Mapping[str, CardStatus], coming: set[str]) -> str:
    """Why the card cannot be done any more, naming the dependency; empty while there is hope."""
    for needed in card.depends_on:
        stands = status.get(needed)
        if stands is None:
            return f"depends on {needed}, which there is not"
        if stands in _FAILED and needed not in coming:
            return f"depends on {needed}, which is {stands}"
        if stands is not CardStatus.DONE and needed not in coming:
            return f"depends on {needed}, which is {stands} and no part of this run"
    return ""


def waves(ordered: Sequence[Card]) -> dict[str, int]:
    """Card → its wave: 0 for cards that depend on no other of them, else one after the latest it depends on."""
    numbers: dict[str, int] = {}
    for card in ordered:
        numbers[card.card_id] = 1 + max((numbers[one] for one in card.depends_on if one in numbers), default=-1)
    return numbers


def _first_wave(
    ordered: Sequence[Card], status: Mapping[str, CardStatus], running: set[str], blocked: Mapping[str, str]
) -> set[str]:
    """Cards of the earliest wave in which something is still to do or runs."""
    numbers = waves(ordered)
    left = {id for id in numbers if (status[id] is CardStatus.PENDING or id in running) and id not in blocked}
    first = min((numbers[id] for id in left), default=0)
    return {id for id, number in numbers.items() if number == first}


def _ids(cards: Iterable[Card]) -> set[str]:
    return {card.card_id for card in cards}
