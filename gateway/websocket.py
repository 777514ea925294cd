"""`WS /ws/tasks`: how jobs go, told as it happens and replayed to whoever comes late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from gateway.dependencies import gateway_of
from gateway.subscription import Subscription
from spine.contracts.timestamps import iso, utc_now
from spine.errors import NotFoundError, RetryableError

UNKNOWN_JOB = 4404
TRY_AGAIN_LATER = 1013
LONGEST_WORD = 200

router = APIRouter()


@router.websocket("/ws/tasks")
async def watch_tasks(
    socket: WebSocket,
    job: Annotated[str | None, Query(max_length=200)] = None,
    since: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> None:
    """First `{type: "connected"}`, then every event of `job` after number `since`, or of all jobs from now on.

    A text `ping` or `{"type": "ping"}` is answered with `{type: "pong"}`. Closes with 4404 for an unknown job;
    who is not let in gets a 401 or 403 instead of the WebSocket, a `since` that is no number a 422.
    """
    await socket.accept()
    gateway = gateway_of(socket)
    try:
        if job is not None:
            await gateway.context.ledger.get(job)
    except NotFoundError as error:
        await socket.close(UNKNOWN_JOB, error.message[:100])
        return
    except RetryableError:
        await socket.close(TRY_AGAIN_LATER, "the document store does not answer")
        return
    with gateway.hub.subscribe(job, since) as subscription:
        await _serve(socket, subscription, job, since)


async def _serve(socket: WebSocket, subscription: Subscription, job: str | None, since: int) -> None:
    """Tell and listen until the other side is gone."""
    greeting = {"type": "connected", "job": job, "since": since, "timestamp": iso(utc_now())}
    try:
        await socket.send_json(greeting)
        await _first_to_end(_tell(socket, subscription), _listen(socket))
    except WebSocketDisconnect:
        pass
    except RuntimeError:  # Starlette's word for a send after the close
        if socket.client_state is socket.application_state is WebSocketState.CONNECTED:
            raise


async def _first_to_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Run the parts until one of them ends, and end the others; raises what that one raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell(socket: WebSocket, subscription: Subscription) -> None:
    while True:
        for text in await subscription.next():
            await socket.send_text(text)


async def _listen(socket: WebSocket) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if is_ping(message.get("text")):
            await socket.send_json({"type": "pong", "timestamp": iso(utc_now())})
        else:
            await socket.send_json({"type": "error", "message": 'the only thing to say here is "ping"'})


def is_ping(text: str | None) -> bool:
    """`ping` as plain text, as a JSON string, or as the `type` of a JSON object."""
    if text is None or len(text) > LONGEST_WORD:
        return False
    if text.strip() == "ping":
        return True
    try:
        said = json.loads(text)
    except ValueError:
        return False
    return said == "ping" or (isinstance(said, dict) and said.get("type") == "ping")
