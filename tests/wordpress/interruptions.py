"""Ends a run between any two steps, as `kill -9` does: no code of ours gets to tidy up."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast

from spine.ports import Documents
from spine.publishing_port import PublishingSite


class Killed(BaseException):
    """The process is gone. Not an Exception: nothing may catch it."""


class Interruption:
    """Wraps a site and its documents, notes every step on the way (`points`), and ends the run at one of them.

    A step is a call to the site or a write of the ledger; each has a point before and a point after it. `at` is the
    place of a point in the list, or its name, of which the first one counts.
    """

    def __init__(self, at: int | str | None = None) -> None:
        self._at = at
        self.points: list[str] = []

    @property
    def happened(self) -> bool:
        return self._at is not None and (self._at in self.points or self._at == len(self.points) - 1)

    def site(self, site: PublishingSite) -> PublishingSite:
        return cast(PublishingSite, _Interrupted(site, self, lambda name, _: name))

    def documents(self, documents: Documents) -> Documents:
        return cast(Documents, _Interrupted(documents, self, _ledger_step))

    def reach(self, point: str) -> None:
        self.points.append(point)
        if self._at in (point, len(self.points) - 1):
            raise Killed(point)


class _Interrupted:
    def __init__(
        self, wrapped: object, interruption: Interruption, step: Callable[[str, dict[str, Any]], str | None]
    ) -> None:
        self._wrapped, self._interruption, self._step = wrapped, interruption, step

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._wrapped, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def interrupted(*args: Any, **options: Any) -> Any:
            step = self._step(name, {**options, "args": args})
            return await self._between(step, method(*args, **options))

        return interrupted

    async def _between(self, step: str | None, call: Awaitable[Any]) -> Any:
        if step is None:
            return await call
        try:
            self._interruption.reach(f"before {step}")
        except Killed:
            cast(Any, call).close()
            raise
        answer = await call
        self._interruption.reach(f"after {step}")
        return answer


def _ledger_step(name: str, given: dict[str, Any]) -> str | None:
    """Storing a key and recording its outcome; leases that are renewed meanwhile are no step of the run."""
    if name == "insert":
        return "storing the key of the " + ("cover" if ":cover:" in given["args"][1]["key"] else "post")
    outcome = (given.get("set") or {}).get("outcome")
    if name == "update" and outcome:
        return f"recording {next(iter(outcome))}"
    return None
