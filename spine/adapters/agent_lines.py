"""From the bytes that an agent writes to lines that people may see: split, cut, decoded, secrets replaced."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from spine.agents_port import OutputLine, OutputStream
from spine.secret_redaction import Redactor
from spine.terminal_text import plain_text

WHOLE_BYTES = 1 << 20
"""An event in JSON is understood up to this length, even where less of it is shown."""


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line's first bytes; `dropped` when there were more than are kept."""

    content: bytes
    dropped: bool = False


class LineSplitter:
    """Splits a stream at LF, CR LF and CR, so that each redraw of a progress bar is a line of its own.

    Holds at most `keep` bytes, whatever the length of a line.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._held = bytearray()
        self._dropped = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> Iterator[RawLine]:
        """The lines that end in this chunk."""
        if not chunk:
            return
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        *ended, begun = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for part in ended:
            yield self._ended(part)
        self._hold(begun)

    def rest(self) -> Iterator[RawLine]:
        """The last line, when the stream ended without ending it."""
        if self._held or self._dropped:
            yield self._ended(b"")

    def _ended(self, part: bytes) -> RawLine:
        self._hold(part)
        line = RawLine(bytes(self._held), self._dropped)
        self._held.clear()
        self._dropped = False
        return line

    def _hold(self, part: bytes) -> None:
        room = self._keep - len(self._held)
        self._held += part[:room]
        self._dropped = self._dropped or len(part) > room


class LineMaker:
    """Makes the lines of one attempt, numbered over both streams."""

    def __init__(self, redactor: Redactor, line_bytes: int) -> None:
        self._redact = redactor
        self._line_bytes = line_bytes
        # A character has up to four bytes; what lies beyond the cut must hold the rest of a secret that begins before.
        self.keep = max(line_bytes + 4 * redactor.longest, WHOLE_BYTES)
        self.count = 0

    def make(self, stream: OutputStream, raw: RawLine) -> tuple[OutputLine, str]:
        """The line as it is shown, and its whole plain text for reading progress ("" when it is not whole)."""
        decoded = raw.content.decode("utf-8", "replace")
        cut = raw.dropped or len(raw.content) > self._line_bytes
        text = self._redact.up_to(decoded, self._characters(raw.content)) if cut else self._redact(decoded)
        plain = plain_text(text)
        if (safe := self._redact(plain)) != plain:  # colours had been written into the middle of a secret
            text = plain = safe
        self.count += 1
        line = OutputLine(stream, text, plain, self.count, datetime.now(UTC), cut)
        return line, plain if not cut else "" if raw.dropped else self._redact(plain_text(decoded))

    def _characters(self, content: bytes) -> int:
        """How many characters of the line fit into `line_bytes`."""
        return len(codecs.getincrementaldecoder("utf-8")("replace").decode(content[: self._line_bytes]))
