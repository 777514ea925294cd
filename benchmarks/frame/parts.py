"""What a run has measured so far, bench by bench, so that one which was cut off can be continued.

A part counts only for the same commit, machine and effort: rows that do not belong together never stand in one table.
Parts lie in `benchmarks/results/parts`, outside of version control, until a run of the same bench begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.frame.figures import Effort, Outcome
from benchmarks.frame.results import replace


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one run in a folder of their own."""

    folder: Path
    commit: str
    machine: str
    effort: Effort

    def keep(self, name: str, outcome: Outcome) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = {"of": self._of(), "outcome": json.loads(outcome.to_json())}
        replace(self.folder / f"{name}.json", json.dumps(part))

    def kept(self, name: str) -> Outcome | None:
        """None where there is none, one that cannot be read, or one of another run; a tree with changes is never the
        same run."""
        file = self.folder / f"{name}.json"
        if self.commit.endswith("+") or not file.exists():
            return None
        try:
            part = json.loads(file.read_text(encoding="utf-8"))
            return Outcome.from_json(json.dumps(part["outcome"])) if part["of"] == self._of() else None
        except (ValueError, KeyError, TypeError):  # a full disk cut it off: the bench is run again
            return None

    def forget(self, names: Sequence[str]) -> None:
        """Those of these benches; others of the same commit stay."""
        for name in names:
            (self.folder / f"{name}.json").unlink(missing_ok=True)

    def _of(self) -> dict[str, object]:
        return {"commit": self.commit, "machine": self.machine, "effort": asdict(self.effort)}
