"""Tokens, calls and money as Prometheus counters, read from the account of all processes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from spine.contracts.timestamps import iso, utc_now
from spine.documents import USAGE
from spine.ports import Documents

_LATE = timedelta(seconds=60)
"""Records of other processes may become visible this much after the moment that stands in them."""


class UsageMetrics:
    """Counts every record that is written after it was made, once. Its counters begin at zero with the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seen_until = utc_now()
        self._seen: dict[str, datetime] = {}
        self._began = self._seen_until
        self._attempts = Counter(
            "millrace_model_attempts", "Turns of a provider at a question", ["provider", "outcome"], registry=registry
        )
        self._tokens = Counter(
            "millrace_model_tokens", "Tokens sent and received", ["provider", "direction"], registry=registry
        )
        self._cost = Counter(
            "millrace_model_cost_usd", "US dollars, of models with a known price", ["provider"], registry=registry
        )
        self._unpriced = Counter(
            "millrace_model_unpriced_calls", "Calls whose price is not known", ["provider"], registry=registry
        )

    async def count(self, documents: Documents) -> None:
        """Add what was written since the last time."""
        now = utc_now()
        since = max(self._began, self._seen_until - _LATE)
        for record in await documents.find(USAGE, {"at": {"$gte": iso(since)}}):
            if record["_id"] not in self._seen:
                self._seen[record["_id"]] = now
                self._add(record)
        self._seen_until = now
        self._seen = {key: when for key, when in self._seen.items() if when > now - 3 * _LATE}

    def _add(self, record: dict[str, Any]) -> None:
        provider = record["provider"]
        self._attempts.labels(provider, record["outcome"]).inc()
        self._tokens.labels(provider, "input").inc(record["input_tokens"])
        self._tokens.labels(provider, "output").inc(record["output_tokens"])
        if record["cost_usd"] is None:
            self._unpriced.labels(provider).inc(record["calls"])
        else:
            self._cost.labels(provider).inc(record["cost_usd"])
