"""What Prometheus scrapes: jobs, queues, models, watchers, requests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.context import GatewayContext
from gateway.usage_metrics import UsageMetrics
from gateway.webhook_metrics import WebhookMetrics
from spine.contracts.jobs import JobStatus
from spine.contracts.progress import ProgressEvent
from spine.contracts.timestamps import utc_now
from spine.documents import JOBS
from spine.jobs import from_document
from spine.ports import Document

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEPT_SECONDS = 5.0
"""Counting jobs costs the store work; scraping more often than this gives the last count."""

COUNTED_WAITING = 5_000
"""A queue that is deeper than this is reported as this deep."""

PIPELINES = ("book_review", "persona_ingestion", "conversation", "card_execution", "module_graph", "maintenance")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class GatewayMetrics:
    """The figures of one application, in a registry of its own. They begin at zero with the process."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._counted_at = float("-inf")
        self._lock = asyncio.Lock()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._usage = UsageMetrics(self.registry)
        self.webhooks = WebhookMetrics(self.registry)
        self._jobs = Gauge(
            "millrace_jobs", "Jobs by pipeline and status", ["pipeline", "status"], registry=self.registry
        )
        self._waiting = Gauge("millrace_queue_depth", "Jobs that wait, by queue", ["queue"], registry=self.registry)
        self._oldest = Gauge(
            "millrace_oldest_pending_seconds", "Age of the oldest job that waits, 0 when none", registry=self.registry
        )
        self._sockets = Gauge("millrace_websockets", "Open WebSockets", registry=self.registry)
        self._events = Counter("millrace_progress_events", "Progress events heard", ["type"], registry=self.registry)
        self._requests = Histogram(
            "millrace_request_seconds",
            "Time to answer a request",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def watch_sockets(self, count: Callable[[], int]) -> None:
        self._sockets.set_function(lambda: float(count()))

    def heard(self, event: ProgressEvent) -> None:
        self._events.labels(event.type).inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).observe(seconds)

    async def text(self) -> bytes:
        """All figures in Prometheus' text format; the store is asked at most every `KEPT_SECONDS`."""
        async with self._lock:
            if time.monotonic() - self._counted_at > KEPT_SECONDS:
                documents = self._context.documents
                await asyncio.gather(self._count_jobs(), self._usage.count(documents), self.webhooks.count(documents))
                self._counted_at = time.monotonic()
        return generate_latest(self.registry)

    async def _count_jobs(self) -> None:
        documents = self._context.documents
        pairs = [(pipeline, status) for pipeline in PIPELINES for status in JobStatus]
        counts = await asyncio.gather(
            *(documents.count(JOBS, {"pipeline": pipeline, "status": str(status)}) for pipeline, status in pairs)
        )
        for (pipeline, status), count in zip(pairs, counts, strict=True):
            self._jobs.labels(pipeline, str(status)).set(count)
        self._measure_queues(
            await documents.find(
                JOBS,
                {"status": {"$in": [str(JobStatus.PENDING), str(JobStatus.RETRY)]}},
                sort=[("created", 1)],
                limit=COUNTED_WAITING,
            )
        )

    def _measure_queues(self, waiting: list[Document]) -> None:
        depths = Tally(job["queue"] for job in waiting)
        self._waiting.clear()
        for queue, depth in depths.items():
            self._waiting.labels(queue).set(depth)
        age = (utc_now() - from_document(waiting[0]).created).total_seconds() if waiting else 0.0
        self._oldest.set(max(0.0, age))


class RequestTimes:
    """Measures every request by its route's template, so that ids do not become label values."""

    def __init__(self, app: ASGIApp, metrics: GatewayMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.answered(_method(scope), _route(scope), status, time.perf_counter() - began)


def _method(scope: Scope) -> str:
    known = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    return scope["method"] if scope["method"] in known else "other"


def _route(scope: Scope) -> str:
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return template
    return "/static" if scope["path"].startswith("/static/") else "unmatched"
