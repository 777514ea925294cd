"""The world that reviews reach for, in a process of its own: pages of a book, and a model that takes its time.

    with outside_world(model_seconds=1.0) as world:
        world.product, world.links, world.environment

Both sides of a comparison ask the same world. It waits without work, so that its own share of the machine is small.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from deployments.demo_site import pages
from spine.testing.openai_server import Answer, Call, completion, example, text, tool

_ARTICLE = (
    "## The story\n\n"
    + "The keeper of the clock pays for every hour of the sea. " * 40
    + "\n\n## The book\n\n"
    + "Nell learns the trade and the town learns the price of its safety. " * 25
)


@dataclass(frozen=True, slots=True)
class World:
    """Where the pages and the model are."""

    url: str
    model_seconds: float

    @property
    def product(self) -> str:
        return f"{self.url}/product.html"

    def links(self, number: int) -> list[str]:
        return [f"{self.url}/link/{place}" for place in range(number)]

    @property
    def environment(self) -> dict[str, str]:
        """What a stack has to be told to find everything here, and only here."""
        return {
            "MILLRACE_ALLOW_PRIVATE_HOSTS": self.url.removeprefix("http://"),
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "sk-benchmark",
            "OPENLIBRARY_URL": f"{self.url}/openlibrary",
            "WIKIPEDIA_URL": f"{self.url}/wikipedia",
        }

    def calls(self) -> int:
        """Completions that were asked for since the last look."""
        return int(httpx.post(f"{self.url}/calls/taken", trust_env=False).raise_for_status().json())


@contextmanager
def outside_world(model_seconds: float) -> Generator[World]:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.surroundings.outside_world", str(model_seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield World(server.stdout.readline().strip(), model_seconds)
    finally:
        server.terminate()
        server.wait(10)


class _Site:
    """The answers. Lives as long as the process."""

    def __init__(self, model_seconds: float) -> None:
        self._seconds = model_seconds
        self._pages = pages()
        self._calls = 0

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/product.html", self._product),
                Route("/link/{place:int}", self._link),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/calls/taken", self._taken, methods=["POST"]),
            ]
        )

    async def _product(self, _: Request) -> Response:
        return HTMLResponse(self._pages["product.html"])

    async def _link(self, request: Request) -> Response:
        """The same review under every number, each with a title of its own."""
        body = self._pages["review.html"].replace(b"<title>", b"<title>%d. " % request.path_params["place"])
        return HTMLResponse(body)

    async def _complete(self, request: Request) -> Response:
        call = Call(request.url.path, dict(request.headers), json.loads(await request.body()))
        self._calls += 1
        await asyncio.sleep(self._seconds)
        return JSONResponse(completion(call, answer_to(call)))

    async def _taken(self, _: Request) -> Response:
        taken, self._calls = self._calls, 0
        return JSONResponse(taken)


def answer_to(call: Call) -> Answer:
    """An article where one is asked for, else something that fits the schema; no answer has to be asked for again."""
    if {"title", "content"} <= set((call.schema or {}).get("properties", {})):
        article = {"title": "The Tide Clock", "content": _ARTICLE}
        return tool(article, call.tool["name"]) if call.tool else text(json.dumps(article))
    return example(call)


def main(model_seconds: float) -> None:
    """Serve until the process is ended; the first line printed is the address."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(512)  # whoever reads the address may connect at once
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(_Site(model_seconds).application(), log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(float(sys.argv[1]))
