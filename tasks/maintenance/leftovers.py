"""One thing that the policy lets go, whatever its kind."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Leftover(BaseModel):
    """Data only: found by one step, removed by another, told in the report."""

    name: str = Field(description="what its kind needs to find it again")
    why: str = Field(description="for the report")
    bytes: int = 0


class Removal(BaseModel):
    """What became of one kind of leftovers."""

    kind: str
    found: list[Leftover] = Field(default_factory=list[Leftover])
    removed: int = 0
    problem: str = ""

    @property
    def bytes(self) -> int:
        return sum(leftover.bytes for leftover in self.found)
