"""The WebSocket loop that Millrace replaces: a Redis subscription for every socket, asked ten times a second.

uvicorn serves it as `app`; the address of Redis comes from `ORIGINAL_SOCKET_REDIS`.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import cast

from fastapi import FastAPI, WebSocket
from redis.asyncio import Redis
from starlette.websockets import WebSocketDisconnect

REDIS_VARIABLE = "ORIGINAL_SOCKET_REDIS"
CHANNEL = "task_updates"
POLL_SECONDS = 0.1

app = FastAPI()


@app.websocket("/ws/tasks")
async def watch(socket: WebSocket) -> None:
    await socket.accept()
    redis = Redis.from_url(os.environ[REDIS_VARIABLE])
    async with redis, redis.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        await socket.send_json({"type": "connected"})
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True)
                if message is not None:
                    await socket.send_text(cast(bytes, message["data"]).decode())
                await asyncio.sleep(POLL_SECONDS)
