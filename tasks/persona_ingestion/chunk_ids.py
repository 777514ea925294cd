"""Names a chunk by what it holds, so that the same sources always give the same ids."""

from __future__ import annotations

import hashlib

from spine.contracts.personas import CollectionName

_VERSION = "chunk-1"
"""Part of every id: a new way to name chunks would not be taken for the old one."""

_SEPARATOR = "\x1f"


def content_hash(text: str) -> str:
    """Of the normalised text, however its lines are broken; equal for exact duplicates. 32 hexadecimal digits."""
    return _digest(" ".join(text.split()))


def chunk_id(persona_id: str, collection: CollectionName, work: str, path: tuple[str, ...], text: str) -> str:
    """32 hexadecimal digits from persona, collection, work, headings and the exact text, so one id has one vector.

    The place in the work is no part of it: what stands before a chunk may change without touching it. Nor is there a
    number for repeated texts: a repeated text is an exact duplicate and is not stored.
    """
    return _digest(_SEPARATOR.join((_VERSION, persona_id, collection, work, *path, text)))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
