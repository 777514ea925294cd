"""What of a conversation a model is shown: the turns since the summary, newest first as far as they fit. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from spine.chat_port import ChatTurn, Role
from spine.contracts.conversations import Turn
from tasks.book_review.prompt_data import defused, fenced
from tasks.conversation.transcript import merged

HISTORY_TOKENS = 4_000
"""Of the turns that go along with a message; what is older stays readable in the transcript."""

WORDLESS = "(a message without words)"
"""Stands for what shows nothing: most providers refuse a request in which a turn is empty, and each later one too."""

SUMMARY_CHARACTERS = 6_000
TRANSCRIPT_CHARACTERS = 60_000


def shown_turns(turns: Sequence[Turn], budget: int = HISTORY_TOKENS) -> list[ChatTurn]:
    """The newest turns that fit into `budget` tokens, oldest first; the last one always fits.

    Turns of one side that follow each other become one, for models expect the sides to take turns.
    """
    kept: list[Turn] = []
    for turn in reversed(turns):
        budget -= turn.tokens
        if kept and budget < 0:
            break
        kept.append(turn)
    return _joined(list(reversed(kept)))


def shown_summary(summary: str) -> str:
    return fenced("summary of what was said before", summary, SUMMARY_CHARACTERS) if summary else ""


def shown_transcript(turns: Sequence[Turn]) -> str:
    return fenced("turns, oldest first", merged(turns), TRANSCRIPT_CHARACTERS)


def _joined(turns: Sequence[Turn]) -> list[ChatTurn]:
    joined: list[ChatTurn] = []
    for turn in turns:
        role: Role = "user" if turn.role == "user" else "assistant"
        text = defused(turn.text) or WORDLESS
        if joined and joined[-1].role == role:
            text = f"{joined.pop().text}\n\n{text}"
        joined.append(ChatTurn(role, text))
    return joined
