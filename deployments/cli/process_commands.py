"""Commands that run one process of the stack; the supervisor starts them, an operator may too."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(lane)
    app.command()(gateway)
    app.command()(setup)
    app.command("lane-health")(lane_health)
    app.command("demo-pages")(demo_pages)


def lane(
    name: Annotated[str, typer.Argument(help="The lane's name: pipelines, live, or one of your own.")],
    queues: Annotated[str, typer.Option(help="Comma list of queues it is dedicated to.")] = "",
) -> None:
    """Run one lane in this process."""
    from deployments.collector import loading
    from deployments.stack.gate import wait_at_gate

    chosen = [queue.strip() for queue in queues.split(",") if queue.strip()]
    with loading():
        from deployments.lane_process import load, run

        load(name, chosen)
    wait_at_gate()
    run(name, chosen)


def gateway() -> None:
    """Run the gateway in this process."""
    from deployments.collector import loading
    from deployments.stack.gate import wait_at_gate

    with loading():
        from deployments.gateway_process import run  # pyright: ignore
    wait_at_gate()
    run()


def setup() -> None:
    """Prepare the stores and the Prefect server that the environment names; once for each version, any time again."""
    from deployments.prefect_address import require_server

    require_server()  # before Prefect is loaded: without an address it starts a server of its own for a moment

    from deployments.deploying import run as deploy
    from deployments.register import run

    run()
    deploy()


def lane_health() -> None:
    """Exit 0 while a lane of this machine announces itself: the health check of a container."""
    import asyncio

    from deployments.cli.configuration import checked_settings
    from deployments.lane_health import require_lane

    asyncio.run(require_lane(checked_settings()))


def demo_pages() -> None:
    """Serve the demo's own pages on loopback."""
    from deployments.demo import serve

    serve()
