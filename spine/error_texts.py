"""What errors say, in a form that every store, event and screen takes."""

from __future__ import annotations


def writable(text: str) -> str:
    """Half a surrogate pair as `?`, NUL as `␀`: UTF-8 has no place for the one, PostgreSQL takes no text with the other
    and Prefect's server then drops every event that it was about to write."""
    return text.encode(errors="replace").decode().replace("\0", "␀")


def said(error: BaseException) -> str:
    """Its message, writable; in place of one that raises when it is asked for, a word on that."""
    try:
        return writable(str(error))
    except Exception as fault:
        return f"(its message cannot be read: __str__ raised {type(fault).__name__})"
