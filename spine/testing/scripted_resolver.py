"""Host names whose addresses a test writes down, also ones that change between two questions."""

from __future__ import annotations

from collections.abc import Sequence


class ScriptedResolver:
    """`spine.url_guard.Resolver` that answers every name with the next of its answers, the last one again and again.

    `asked` lists the names in order; it lives as long as the object.
    """

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self.script(*answers)

    def script(self, *answers: Sequence[str]) -> None:
        """Begin anew with these answers; without any, every name is 127.0.0.1."""
        self._answers = answers or (["127.0.0.1"],)
        self.asked.clear()

    async def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self._answers[min(len(self.asked), len(self._answers)) - 1]
