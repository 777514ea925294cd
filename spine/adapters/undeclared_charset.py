"""UTF-8 that a browser took for windows-1252, because neither the server nor the page named a character set."""

from __future__ import annotations

import re

_OPEN = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
"""Bytes without a character in windows-1252; the web's decoders read them as control characters."""

_BYTE_OF = {chr(byte) if byte in _OPEN else bytes([byte]).decode("cp1252"): byte for byte in range(0x80, 0x100)}
_RUN = re.compile(f"[{re.escape(''.join(_BYTE_OF))}]+")


def undo_windows_1252(text: str) -> str:
    """The text with every run of characters that is valid UTF-8, read as bytes again, decoded as UTF-8.

    Text that really was windows-1252 stays as it is: its accented letters stand alone and are no valid UTF-8.
    """
    return _RUN.sub(_decoded, text)


def _decoded(run: re.Match[str]) -> str:
    try:
        return bytes(_BYTE_OF[character] for character in run.group()).decode("utf-8")
    except UnicodeDecodeError:
        return run.group()
