"""Runs every benchmark of this folder, one after the other: `make bench`."""

from __future__ import annotations

import importlib
from pathlib import Path


def main() -> None:
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if not path.stem.startswith("_"):
            print(f"== {path.stem}", flush=True)
            importlib.import_module(f"benchmarks.{path.stem}").main()


if __name__ == "__main__":
    main()
