"""The words that an agent is given for a card. Pure."""

from __future__ import annotations

import shlex

from spine.contracts.cards import Card

_RULES = """\
Work only inside the current directory. Do what the card asks for and nothing else. End with exit code 0 when it is
done, and with another one when it cannot be done; say why in the last lines of your output."""


def build_prompt(card: Card, attempt: int = 1) -> str:
    """The card as a task for a coding agent. Everything that will be verified is named."""
    parts = [f"# {card.card_id}: {card.title}"]
    if card.description.strip():
        parts.append(card.description.strip())
    parts += _section("Acceptance", card.acceptance)
    parts += _section("Required files", card.required_files)
    parts += _section("Checks that will be run", [shlex.join(check.argv) for check in card.checks])
    if attempt > 1:
        parts.append(f"This is attempt {attempt}. An earlier one may have left unfinished work in the directory.")
    return "\n\n".join([*parts, _RULES]) + "\n"


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines)] if lines else []
