"""Four pages about an invented book, served on loopback for the demo review and used as sample pages in tests."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def pages() -> dict[str, bytes]:
    """File name → content of every page."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.html"))}
