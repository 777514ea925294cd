"""Reading a backlog: a list of cards, each with its place when something is wrong with it. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError

from spine.card_order import cycle_in
from spine.contracts.cards import MOST_CARDS, Card
from spine.errors import InvalidInputError
from spine.field_errors import FieldError, field_errors, refuse


def read_backlog(value: object) -> list[Card]:
    """The cards of a JSON list, or of `{"cards": […]}`.

    One card that does not fit refuses all of them, because others may depend on it: `InvalidInputError` with every
    complaint and its place (`cards[3].priority`, counted from 0).
    """
    if isinstance(value, dict) and set(cast("dict[str, Any]", value)) == {"cards"}:
        value = cast("dict[str, Any]", value)["cards"]
    if not isinstance(value, list) or not value:
        raise InvalidInputError('A backlog is a list of cards: [{…}, …] or {"cards": [{…}, …]}, with at least one.')
    entries = cast("list[object]", value)
    if len(entries) > MOST_CARDS:
        raise InvalidInputError(f"A backlog has at most {MOST_CARDS} cards; this one has {len(entries)}.")
    cards, errors = _read(entries)
    refuse([*errors, *_twice(cards)])
    return [card for card in cards if card is not None]


def backlog_text(data: bytes) -> object:
    """The JSON of a backlog file; `InvalidInputError` names the line that cannot be read."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"The backlog is not UTF-8 text (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"The backlog is no JSON: {error.msg} in line {error.lineno}.") from error
    except ValueError as error:
        raise InvalidInputError("The backlog holds a number that is too large.") from error
    except RecursionError as error:
        raise InvalidInputError("The backlog is nested too deeply.") from error


def check_dependencies(cards: Sequence[Card], known: Mapping[str, Sequence[str]]) -> None:
    """Refuse unknown dependencies and cycles among `cards` and the stored ones (`known`: card → its dependencies)."""
    wanted = {**known, **{card.card_id: card.depends_on for card in cards}}
    refuse(
        [
            FieldError(f"{card.card_id}.depends_on", f"{needed} is no card of this backlog or of the store")
            for card in cards
            for needed in card.depends_on
            if needed not in wanted
        ]
    )
    if cycle := cycle_in(wanted):
        raise InvalidInputError(f"These cards wait for each other: {' → '.join(cycle)}.", cycle=cycle)


def _read(entries: Sequence[object]) -> tuple[list[Card | None], list[FieldError]]:
    cards: list[Card | None] = []
    errors: list[FieldError] = []
    for place, entry in enumerate(entries):
        try:
            cards.append(Card.model_validate(entry))
        except ValidationError as error:
            cards.append(None)
            errors += field_errors(error, f"cards[{place}]")
    return cards, errors


def _twice(cards: Sequence[Card | None]) -> list[FieldError]:
    counts = Counter(card.card_id for card in cards if card)
    return [
        FieldError(f"cards[{place}].card_id", f"{card.card_id} stands here {counts[card.card_id]} times")
        for place, card in enumerate(cards)
        if card and counts[card.card_id] > 1
    ]
