"""Finds the code between the fences of a Markdown text, line by line."""

from __future__ import annotations

import re
from collections.abc import Collection

from tasks.persona_ingestion.reading.items import Trouble
from tasks.persona_ingestion.reading.text_lines import Line

_OPENS = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})")
_DEEPER = 3  # blanks that the end of a fence may stand in further than its beginning
_AS_CODE = " " * 4


class Fences:
    """Knows whether a fence is open. One that nothing closes goes on to the end of the file (CommonMark 0.31, 4.5), but
    for `ornaments`: lines of tildes, by their numbers, that are known to open nothing."""

    def __init__(self, ornaments: Collection[int] = ()) -> None:
        self._ornaments = ornaments
        self._indent = 0
        self._mark = ""  # of the open fence
        self.tildes_alone: int | None = None
        """The line of the open fence, where it has tildes and nothing else: what parts two scenes looks the same."""

    def read(self, line: Line | Trouble) -> Line | Trouble:
        """Blank in place of a fence, indented code inside of one, and the line itself outside."""
        if isinstance(line, Trouble):
            return line
        if not self._mark:
            if (opens := _OPENS.match(line.text)) is None:
                return line
            if line.number in self._ornaments:
                return line._replace(text="")
            self._indent, self._mark = len(opens[1]), opens[2]
            self.tildes_alone = line.number if set(line.text.strip()) == {"~"} else None
            return line._replace(text="")
        blanks = len(line.text) - len(line.text.lstrip(" "))
        if blanks <= self._indent + _DEEPER and self._closes(line.text.strip()):
            self._mark, self.tildes_alone = "", None
            return line._replace(text="")
        return line._replace(text=_AS_CODE + line.text[min(blanks, self._indent) :])

    def _closes(self, text: str) -> bool:
        return len(text) >= len(self._mark) and set(text) == {self._mark[0]}
