"""Arguments of tasks that Prefect hands on without looking into them."""

from __future__ import annotations

from typing import TypeVar, cast

from prefect.utilities.annotations import quote

T = TypeVar("T")


def quoted(value: T) -> T:
    """The value, so that Prefect does not search it for results of other tasks: on a message that is a tenth of all
    the work. The task receives it as it is; the cast says so to the type checker."""
    return cast(T, quote(value))
