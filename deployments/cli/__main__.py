"""`python -m deployments.cli`: the same command where no console script is installed."""

from __future__ import annotations

from deployments.cli import main

if __name__ == "__main__":
    main()
