"""What came in by webhook, and the replies of which nobody knows whether they arrived."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from spine.effects import count_ambiguous
from spine.ports import Documents


class WebhookMetrics:
    """Counters begin at zero with the process; label values come from fixed lists, never from a payload."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._taken = Counter("millrace_webhooks_taken", "Webhooks that became a job", ["platform"], registry=registry)
        self._duplicates = Counter(
            "millrace_webhooks_duplicate", "Deliveries whose job was there already", ["platform"], registry=registry
        )
        self._ignored = Counter(
            "millrace_webhooks_ignored",
            "Webhooks that made no job",
            ["platform", "kind"],
            registry=registry,
        )
        self._refused = Counter(
            "millrace_webhooks_refused", "Webhooks with a wrong secret or signature", ["platform"], registry=registry
        )
        self._ambiguous = Gauge(
            "millrace_ambiguous_effects", "Sends of which nobody knows whether they arrived", registry=registry
        )

    def taken(self, platform: str, *, new: bool) -> None:
        (self._taken if new else self._duplicates).labels(platform).inc()

    def ignored(self, platform: str, kind: str) -> None:
        self._ignored.labels(platform, kind).inc()

    def refused(self, platform: str) -> None:
        self._refused.labels(platform).inc()

    async def count(self, documents: Documents) -> None:
        """Ask the store what is counted there."""
        self._ambiguous.set(await count_ambiguous(documents))
