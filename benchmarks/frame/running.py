"""Runs each bench in a process of its own: what one leaves behind, breaks or uses up is no other's business."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from benchmarks.frame.catalogue import load
from benchmarks.frame.figures import Effort, Outcome
from benchmarks.frame.machine import ROOT

_FOREIGN = ("MILLRACE_", "PREFECT_")
"""A bench measures a stack of its own, whatever stack the shell knows of."""


class BenchFailedError(Exception):
    """A bench ended without figures; the text says how."""


def run_apart(name: str, effort: Effort, *, minutes: float) -> Outcome:
    """The bench's outcome. Raises `BenchFailedError` when it fails or is not done in time."""
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        answer = Path(folder) / "outcome.json"
        words = ["--reps", str(effort.reps), *(["--quick"] if effort.quick else [])]
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.frame.running", name, str(answer), *words],
            cwd=ROOT,
            env={key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)},
            start_new_session=True,
        )
        try:
            code = child.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            raise BenchFailedError(f"not done after {minutes:g} minutes") from None
        finally:
            _end_group(child)
        if code or not answer.exists():
            raise BenchFailedError(f"ended with exit code {code} and no figures")
        return Outcome.from_json(answer.read_bytes())


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End whatever of the bench still runs. A bench asked to end takes its own stack down first."""
    if child.poll() is None:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(60)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def main(name: str, answer: str, *words: str) -> None:
    """The child: runs the bench and writes its outcome."""

    def leave(*_: object) -> None:
        raise SystemExit(1)

    signal.signal(signal.SIGTERM, leave)
    reps = int(words[words.index("--reps") + 1])
    outcome = load(name).bench(Effort(reps, quick="--quick" in words))
    Path(answer).write_bytes(outcome.to_json())


if __name__ == "__main__":
    main(*sys.argv[1:])
