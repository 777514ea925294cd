"""What changed between two texts, line by line: for people as a unified diff, for programs as blocks."""

from __future__ import annotations

import difflib
from typing import Literal

from pydantic import BaseModel, Field

_LONGEST_SEARCH = 4_000_000
"""Pairs of lines. Beyond it (two texts of 2,000 changed lines) what differs is told as one replaced block, since a
search for the best match could take minutes."""

_CONTEXT_LINES = 3


class ChangedBlock(BaseModel):
    """A run of lines that stayed, went, came, or took another's place. Lines are counted from 1."""

    change: Literal["same", "removed", "added", "replaced"]
    from_line: int = Field(description="where it begins in the older text")
    to_line: int = Field(description="where it begins in the newer text")
    removed: list[str] = Field(default_factory=list)
    added: list[str] = Field(default_factory=list)
    lines: int = Field(default=0, description="how many lines stayed, in a block that is the same")


class TextChanges(BaseModel):
    """Two texts side by side. Blocks that stayed are told by their length only."""

    unified: str = Field(description="unified diff with three lines of context; empty when nothing changed")
    blocks: list[ChangedBlock]
    added_lines: int
    removed_lines: int


def compare_texts(older: str, newer: str, older_name: str = "older", newer_name: str = "newer") -> TextChanges:
    """The changes that lead from `older` to `newer`."""
    before, after = older.splitlines(), newer.splitlines()
    steps = _steps(before, after)
    blocks = [_block(step, before, after) for step in steps]
    return TextChanges(
        unified=_unified(steps, before, after, older_name, newer_name),
        blocks=blocks,
        added_lines=sum(len(block.added) for block in blocks),
        removed_lines=sum(len(block.removed) for block in blocks),
    )


Step = tuple[str, int, int, int, int]
"""`(tag, from, to, from, to)` as difflib has it."""


def _steps(before: list[str], after: list[str]) -> list[Step]:
    """What both ends share is set aside first: it is most of the text, and it is found at once."""
    head = _shared(before, after)
    tail = _shared(before[head:][::-1], after[head:][::-1])
    middle_before, middle_after = before[head : len(before) - tail], after[head : len(after) - tail]
    steps: list[Step] = [("equal", 0, head, 0, head)] if head else []
    steps += [(tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in _search(middle_before, middle_after)]
    if tail:
        steps.append(("equal", len(before) - tail, len(before), len(after) - tail, len(after)))
    return steps


def _search(before: list[str], after: list[str]) -> list[Step]:
    if not before and not after:
        return []
    if len(before) * len(after) > _LONGEST_SEARCH:
        return [("replace", 0, len(before), 0, len(after))]
    return [*difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()]


def _shared(before: list[str], after: list[str]) -> int:
    pairs = zip(before, after, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))


_NAMES: dict[str, Literal["same", "removed", "added", "replaced"]] = {
    "equal": "same",
    "delete": "removed",
    "insert": "added",
    "replace": "replaced",
}


def _block(step: Step, before: list[str], after: list[str]) -> ChangedBlock:
    tag, a, b, c, d = step
    if tag == "equal":
        return ChangedBlock(change="same", from_line=a + 1, to_line=c + 1, lines=b - a)
    return ChangedBlock(change=_NAMES[tag], from_line=a + 1, to_line=c + 1, removed=before[a:b], added=after[c:d])


def _unified(steps: list[Step], before: list[str], after: list[str], older_name: str, newer_name: str) -> str:
    if all(tag == "equal" for tag, *_ in steps):
        return ""
    lines = [f"--- {older_name}", f"+++ {newer_name}"]
    for group in _groups(steps):
        lines.append(f"@@ -{_extent(group[0][1], group[-1][2])} +{_extent(group[0][3], group[-1][4])} @@")
        for tag, a, b, c, d in group:
            if tag == "equal":
                lines += [f" {line}" for line in before[a:b]]
                continue
            lines += [f"-{line}" for line in before[a:b]]
            lines += [f"+{line}" for line in after[c:d]]
    return "\n".join(lines) + "\n"


def _groups(steps: list[Step]) -> list[list[Step]]:
    """Changes with their context; two that lie close together share a group."""
    groups: list[list[Step]] = [[]]
    for number, (tag, a, b, c, d) in enumerate(steps):
        before, after = min(_CONTEXT_LINES, b - a), max(b - _CONTEXT_LINES, a)
        opening, closing = (tag, after, b, after - a + c, d), (tag, a, a + before, c, c + before)
        if tag != "equal":
            groups[-1].append((tag, a, b, c, d))
        elif number == 0:
            groups[-1].append(opening)
        elif number == len(steps) - 1:
            groups[-1].append(closing)
        elif b - a > 2 * _CONTEXT_LINES:
            groups[-1].append(closing)
            groups.append([opening])
        else:
            groups[-1].append((tag, a, b, c, d))
    return groups


def _extent(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start if not length else start + 1},{length}"
