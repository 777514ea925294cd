"""Runs a step of the start: its code is loaded while what it needs is still starting."""

from __future__ import annotations

import logging
import sys
from importlib import import_module

from deployments.collector import loading
from deployments.stack.gate import wait_at_gate


def main() -> None:
    """The argument names the step's module, which has a `run()`, and a `load()` where importing it is not all."""
    with loading():
        step = import_module(sys.argv[1])
        if hasattr(step, "load"):
            step.load()
    wait_at_gate()
    step.run()


def log_on_stderr() -> None:
    """What a step's `run` says, and no line for each request."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
