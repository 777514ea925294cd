"""Names a chunk by what it holds, so that the same sources always give the same ids."""

from __future__ import annotations

import hashlib

from spine.contracts.personas import CollectionName

_VERSION = "chunk-2"
"""Part of every id: a new way to name chunks would not be taken for the old one."""

_SEPARATOR = "\x1f"


def content_hash(text: str) -> str:
    """Of the normalised text, however its lines are broken; equal for exact duplicates. 32 hexadecimal digits."""
    return _digest(" ".join(text.split()))


def chunk_id(persona_id: str, collection: CollectionName, text: str) -> str:
    """32 hexadecimal digits from persona, collection and the exact text, so one id has one vector.

    Where the text stands is no part of it: a file, a title or a heading may get another name, and a chunk may move,
    without a new vector. Nor is there a number for repeated texts: a repeated text is an exact duplicate and is not
    stored.
    """
    return _digest(_SEPARATOR.join((_VERSION, persona_id, collection, text)))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
