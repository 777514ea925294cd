"""Keys by which a repeated request finds what the first one did. Their shapes are versioned by their prefix."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from typing import Any

KEY_LENGTH = 32


def digest(*parts: Any) -> str:
    """A short stable hash of JSON-able values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def new_id(prefix: str) -> str:
    """A fresh identifier such as `sub_0193f0a2b4c1…`; ids of one prefix sort by the millisecond of creation."""
    return f"{prefix}_{int(time.time() * 1000):012x}{secrets.token_hex(6)}"


def webhook_task_id(source: str, message_id: str, user_id: str, action: str = "process") -> str:
    """`telegram:process:<hash>`: the same delivery, sent again, gives the same id."""
    return f"{source}:{action}:{digest(source, message_id, user_id, action)}"


def stage_key(subject_id: str, stage: str, epoch: int, **inputs: Any) -> str:
    """The cache key of one stage of one subject: changes when an input, the prompt, the model or the epoch changes."""
    return f"millrace:stage:v1:{subject_id}:{stage}:{epoch}:{digest(inputs)}"


def effect_key(subject_id: str, effect: str) -> str:
    """The key of an outside effect that must happen once for a subject."""
    return f"effect:v1:{subject_id}:{effect}"
