"""What the dashboard has: its pages in their order, and which of them a reader is on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.identity import Role


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation. `beside` are the beginnings of addresses that belong to it as well."""

    path: str
    title: str
    beside: tuple[str, ...] = ()
    role: Role = Role.VIEWER

    def covers(self, path: str) -> bool:
        return path == self.path or path.startswith(self.beside)


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    places: tuple[Place, ...]


GROUPS: Final[Sequence[Group]] = (
    Group(
        "Work",
        (
            Place("/", "Home"),
            Place("/reviews", "Reviews", ("/review/",)),
            Place("/personas", "Personas", ("/persona/",)),
            Place("/conversations", "Conversations", ("/conversation/",)),
            Place("/cards", "Cards", ("/card/",)),
            Place("/graphs", "Graphs", ("/graph/",)),
        ),
    ),
    Group(
        "Operations",
        (
            Place("/jobs", "Jobs", ("/run/",)),
            Place("/queues", "Queues"),
            Place("/workers", "Workers"),
            Place("/usage", "Usage"),
        ),
    ),
    Group(
        "Configuration",
        (
            Place("/configuration", "Prompts and pipelines", ("/configuration/",)),
            Place("/settings", "Settings", role=Role.ADMIN),
            Place("/docs", "API"),
        ),
    ),
)
"""Titles are messages of the catalogues."""


def is_place(path: str) -> bool:
    """Whether the address is a page of the dashboard."""
    return any(place.covers(path) for group in GROUPS for place in group.places)


def shown_to(role: Role) -> list[Group]:
    """What a reader with this role may open."""
    return [Group(group.title, tuple(place for place in group.places if role.includes(place.role))) for group in GROUPS]
