"""What a flow hands to its tasks."""

from __future__ import annotations

from typing import TypeVar, cast

from prefect.utilities.annotations import quote

T = TypeVar("T")


def whole_value(value: T) -> T:
    """`value`, which Prefect hands on without searching it for results of other tasks.

    It would look at every field of every model twice, 40 ms for the knowledge that an article is written from. The
    task is given the value itself. Whatever holds a future or a state must not be handed over this way.
    """
    return cast(T, quote(value))
