"""Builds the gateway's application from its context."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway import websocket
from gateway.api_description import install_description
from gateway.auth import AuthenticationGate, Authenticator
from gateway.configuration import ConfigurationDesk
from gateway.context import GatewayContext
from gateway.dependencies import Gateway
from gateway.head_requests import HeadAsGet
from gateway.health import HealthDesk
from gateway.hub import ProgressHub
from gateway.later_starts import LaterStarts
from gateway.limits import BodyGate
from gateway.metrics import GatewayMetrics, RequestTimes
from gateway.pages import (
    api_docs,
    configuration_pages,
    conversations,
    dashboard,
    home,
    login,
    review_tools,
    run,
    settings_page,
    usage_page,
    workers,
)
from gateway.pages import (
    cards as card_pages,
)
from gateway.pages import (
    graphs as graph_pages,
)
from gateway.pages import (
    personas as persona_pages,
)
from gateway.pages import (
    queues as queue_pages,
)
from gateway.pages.rendering import STATIC, problem_page
from gateway.problems import Problem, UnexpectedErrors, install_problems
from gateway.routes import (
    batches,
    cards,
    effects,
    graphs,
    jobs,
    messages,
    operations,
    personas,
    pipelines,
    queues,
    revisions,
    submissions,
    tokens,
    usage,
    webhooks,
)
from gateway.security_headers import SecurityHeaders
from gateway.signing import Signer
from spine.access_tokens import AccessTokens

_ABOUT = """
Gives work to Millrace and shows how it goes. Every call needs `Authorization: Bearer <token>` or the dashboard's
session. Errors are RFC 9457 problem documents; their `code` does not change. Lists answer `{items, total, next}`;
give `next` as `cursor`. Progress comes over `WS /ws/tasks?job=&since=`.
"""

PAGES = (
    home,
    dashboard,
    review_tools,
    persona_pages,
    conversations,
    card_pages,
    graph_pages,
    run,
    queue_pages,
    workers,
    usage_page,
    configuration_pages,
    settings_page,
    login,
    api_docs,
)

# The gate has checked the token before any route is met; this only puts it into the documentation.
_SHOWN_BEARER = HTTPBearer(auto_error=False, description="`MILLRACE_TOKEN`, or the admin token that `millrace up` made")


def create_app(context: GatewayContext) -> FastAPI:
    """The application. It opens nothing until its lifespan begins, and closes none of the context's services."""
    gateway = _assemble(context)
    app = FastAPI(
        title="Millrace",
        version=context.version,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        responses={
            "4XX": {"model": Problem, "description": "refused; `code` and `detail` say why"},
            "5XX": {"model": Problem, "description": "failed here or at a service behind"},
        },
    )
    app.state.gateway = gateway
    calls_of = (
        submissions,
        batches,
        revisions,
        personas,
        cards,
        jobs,
        graphs,
        pipelines,
        messages,
        queues,
        effects,
        usage,
        tokens,
        operations,
    )
    # First, because routes are tried in turn and a webhook is what comes by the hundred.
    app.include_router(webhooks.router)
    for calls in (routes.router for routes in calls_of):
        app.include_router(calls, dependencies=[Depends(_SHOWN_BEARER)])
    app.include_router(websocket.router)
    for shown in PAGES:
        app.include_router(shown.router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    install_problems(app, problem_page)
    install_description(app)
    # The last one added is the first one met.
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyGate, limits=context.limits)
    app.add_middleware(AuthenticationGate, authenticator=gateway.authenticator)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(RequestTimes, metrics=gateway.metrics)
    app.add_middleware(SecurityHeaders)
    return app


def _assemble(context: GatewayContext) -> Gateway:
    signer = Signer(context.session_key, context.admin_token)
    metrics = GatewayMetrics(context)
    hub = ProgressHub(context.progress, context.ledger, on_event=metrics.heard)
    metrics.watch_sockets(lambda: hub.watchers)
    return Gateway(
        context=context,
        signer=signer,
        authenticator=Authenticator(context.admin_token, signer, context.tickets, AccessTokens(context.documents)),
        hub=hub,
        metrics=metrics,
        health=HealthDesk(context),
        configuration=ConfigurationDesk(context.documents, context.check_prompt, context.saved_credentials),
        later_starts=LaterStarts(context),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Listens to progress for as long as the application serves."""
    gateway: Gateway = app.state.gateway
    listening = asyncio.create_task(gateway.hub.run(), name="progress hub")
    try:
        yield
    finally:
        await gateway.later_starts.close()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


class _Static(StaticFiles):
    """Files that browsers keep and ask about before each use, so that an update shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response
