"""Runs Prefect's command in a part that is launched early: its server is loaded while its database still starts."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from importlib import import_module

from deployments.collector import loading, set_aside_what_is_loaded
from deployments.stack.gate import wait_at_gate

LOOK_EVERY = timedelta(seconds=1)
"""Between two looks of the server's own docket for what is due. Its services run every five seconds at most, and what
is due now wakes it at once."""


def main() -> None:
    """The arguments are those of `prefect`."""
    # Seconds of one processor, and nothing of it asks for the database.
    with loading():
        import_module("prefect.server.api.server")
        look_less_often()
        from prefect.cli import app
    set_aside_what_is_loaded()
    wait_at_gate()
    app()


def look_less_often() -> None:
    """Make the worker of the server's docket quiet: it looks four times a second for what is due and ten times for
    cancels, which nobody sends it, and there is no setting for either."""
    from prefect.server.api import background_workers

    from spine.adapters.docket_queue import QuietWorker

    quiet = partial(QuietWorker, scheduling_resolution=LOOK_EVERY, minimum_check_interval=LOOK_EVERY)
    background_workers.Worker = quiet  # pyright: ignore[reportAttributeAccessIssue, reportPrivateImportUsage]


if __name__ == "__main__":
    main()
