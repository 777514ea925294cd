"""Delivering a finished job's result to its sink, signed, once."""

from __future__ import annotations

import json

from spine.contracts.timestamps import iso, utc_now
from spine.documents import GRAPH_JOBS
from spine.effects import EffectLedger
from spine.errors import MillraceError, NotConfiguredError
from spine.graphs import run_from
from spine.idempotency import digest, effect_key
from spine.services import Services
from spine.sink_port import SinkAddress
from spine.standard_webhooks import signed_headers


async def deliver(services: Services, run_id: str, job_id: str, sink: str) -> None:
    """Post `{type, timestamp, data: {job_id, run_id, graph, result}}`; nothing when it was delivered before.

    A receiver that took it while this process died gets it once more under the same `webhook-id`.
    Raises `NotConfiguredError` when no such sink is saved, and what `PostCallback` raises.
    """
    address = services.sink(sink)
    if address is None:
        raise NotConfiguredError(
            f"There is no sink {sink!r}: save a `Graph Sink` block of this name, then re-drive the job.", what=sink
        )
    key = effect_key(run_id, f"sink:{sink}")
    try:
        await EffectLedger(services.documents, job_id=job_id).once(
            key, make=lambda: _post(services, address, run_id, job_id, key), find=_cannot_be_asked
        )
    except MillraceError as error:
        await services.documents.update(GRAPH_JOBS, {"_id": run_id}, set={"sink.error": error.message})
        raise
    told = {"sink.delivered": iso(utc_now()), "sink.error": None}
    await services.documents.update(GRAPH_JOBS, {"_id": run_id}, set=told)


async def _post(
    services: Services, address: SinkAddress, run_id: str, job_id: str, key: str
) -> dict[str, str | int | None]:
    document = await services.documents.get(GRAPH_JOBS, run_id)
    assert document is not None
    run, now = run_from(document), utc_now()
    data = {"job_id": job_id, "run_id": run_id, "graph": run.graph.name, "result": run.result}
    body = json.dumps({"type": "graph.finished", "timestamp": iso(now), "data": data}, ensure_ascii=False).encode()
    message_id = f"msg_{digest(key)}"
    signed = signed_headers([address.secret.get_secret_value()], message_id, now, body)
    headers = {"content-type": "application/json", **signed}
    await services.post_callback(address.url, body, headers)
    return {"message_id": message_id}


async def _cannot_be_asked() -> None:
    """A receiver cannot say what it has taken; it knows a message that comes twice by its id."""
    return
