"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """Each may do what those before it may: look, work at the review desk, change how the stack works."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller whose credential was accepted. Lives for one request or one WebSocket."""

    name: str
    role: Role
    via: Literal["bearer", "session", "ticket"]
    token_id: str | None = None
    """The stored token behind it; None for the stack's own admin token."""


ADMIN = "admin"
"""The name of whoever shows the stack's own admin token."""
