"""Ways to ask a part whether it is well. Each makes a `Probe`; nothing is kept open between two calls."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from deployments.stack.listening import listens
from deployments.stack.parts import LacksAnotherError, Life, Probe
from spine.errors import ExternalServiceError

if TYPE_CHECKING:
    from redis.asyncio import Redis

TIMEOUT = 5.0
_POSTGRES_PROTOCOL = 196_608  # version 3.0 of its wire protocol
_POSTGRES_STARTING = b"57P03"  # its code for "cannot connect now"


def http_answers(url: str) -> Probe:
    """GET answers with a status below 400."""

    async def probe(_life: Life) -> None:
        await asyncio.to_thread(request, "GET", url)

    return probe


def gateway_answers(url: str, port: int) -> Probe:
    """The gateway answers, and it is this one: on its port may be another stack's, or anybody's.

    `LacksAnotherError` when it says that its documents are away: everything else of it goes on, and a start would only
    cut its WebSockets off.
    """

    async def probe(life: Life) -> None:
        if not await asyncio.to_thread(listens, life.pid, port):
            raise ExternalServiceError(f"it does not listen on port {port}", service="gateway")
        try:
            await asyncio.to_thread(request, "GET", f"{url}/health")
        except ExternalServiceError as error:
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise LacksAnotherError("its documents are away") from error
            raise

    return probe


def quick_redis(url: str) -> Redis:
    """A client that says at once that nobody answers: whoever asks here asks again anyway."""
    from redis.asyncio import from_url
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0))


def lane_is_present(url: str, name: str) -> Probe:
    """The lane's process announces itself in Redis. While Redis is away nothing is known, so nothing is held against
    a lane that has been seen: it goes on working and must not be ended for that."""
    seen = False

    async def probe(life: Life) -> None:
        nonlocal seen
        from spine.adapters.redis_presence import RedisPresence

        try:
            async with quick_redis(url) as client:
                lanes = await RedisPresence(client).lanes()
        except ExternalServiceError:
            if seen:
                return
            raise
        if not any(lane.name == name and lane.worker.endswith(f":{life.pid}") for lane in lanes):
            raise ExternalServiceError("the lane does not announce itself", service="lane")
        seen = True

    return probe


def redis_answers(url: str) -> Probe:
    """PING answers, which also means that the append-only file is loaded."""

    async def probe(_life: Life) -> None:
        async with quick_redis(url) as client:
            await client.ping()

    return probe


def postgres_answers(host: str, port: int, user: str, database: str) -> Probe:
    """The server takes sessions: it asks for the password (which is not given) instead of saying "starting up"."""
    parameters = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database)) + b"\0"
    hello = struct.pack("!ii", len(parameters) + 8, _POSTGRES_PROTOCOL) + parameters

    async def probe(_life: Life) -> None:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), TIMEOUT)
        try:
            writer.write(hello)
            answer = await asyncio.wait_for(reader.read(1024), TIMEOUT)
        finally:
            writer.close()
        if not answer or (answer[:1] == b"E" and _POSTGRES_STARTING in answer):
            raise ExternalServiceError("it is still starting up", service="postgres")

    return probe


def worker_is_online(api_url: str, auth: str, pool: str, worker: str) -> Probe:
    """Prefect's API lists the worker of that name as online."""
    body = {"workers": {"status": {"any_": ["ONLINE"]}}}

    async def probe(_life: Life) -> None:
        online = await asyncio.to_thread(
            request, "POST", f"{api_url}/work_pools/{pool}/workers/filter", body=body, basic_auth=auth
        )
        if not any(entry.get("name") == worker for entry in online or []):
            raise ExternalServiceError(f"worker {worker} is not online yet", service="prefect")

    return probe


def request(
    method: str,
    url: str,
    *,
    body: dict[str, Any] | None = None,
    basic_auth: str | None = None,
    timeout: float = TIMEOUT,
) -> Any:
    """The answer's JSON, or its text where it is not JSON; `ExternalServiceError` when it is an error or none comes."""
    parts = urlsplit(url)
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if basic_auth:
        headers["Authorization"] = "Basic " + base64.b64encode(basic_auth.encode()).decode()
    try:
        status, text = _exchange(parts, method, json.dumps(body) if body is not None else None, headers, timeout)
    except (OSError, http.client.HTTPException) as error:
        raise ExternalServiceError(f"no answer from {parts.netloc}: {error}", service=parts.netloc) from error
    if status >= 400:
        raise ExternalServiceError(f"{parts.netloc} answered {status}", service=parts.netloc, status=status)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _exchange(
    parts: SplitResult, method: str, body: str | None, headers: dict[str, str], timeout: float
) -> tuple[int, str]:
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=timeout)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()
