"""`WS /ws/tasks` behind a real server: who gets in, and what they are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.websocket import is_ping
from tests.gateway.gateway_desk import BEARER, TOKEN, Desk, serving, until


@dataclass
class Served:
    """The desk's application at an address."""

    desk: Desk
    host: str

    def socket(self, query: str = "", **options: Any) -> connect:
        return connect(f"ws://{self.host}/ws/tasks{query}", **({"additional_headers": BEARER} | options))

    async def heard(self, count: int, query: str) -> list[dict[str, Any]]:
        """The first `count` events that a new watcher is told."""
        async with self.socket(query) as socket:
            return await told(socket, count)


@pytest.fixture
async def served(desk: Desk) -> AsyncIterator[Served]:
    async with serving(desk.app) as host:
        yield Served(desk, host)


async def told(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    """The greeting, checked, and then `count` events."""
    async with asyncio.timeout(5):
        assert json.loads(await socket.recv())["type"] == "connected"
        return [json.loads(await socket.recv()) for _ in range(count)]


async def test_a_watcher_is_told_live(served: Served) -> None:
    made = await served.desk.submission()
    async with served.socket(f"?job={made['job_id']}") as socket:
        [queued] = await told(socket, 1)
        assert (queued["status"], queued["seq"]) == ("PENDING", 1)
        await served.desk.tell(made["job_id"], 10, 55.5, current_step="amazon_scrape")
        events = [json.loads(await socket.recv()) for _ in range(2)]
    assert [(event["progress"], event["seq"]) for event in events] == [(10, 2), (55.5, 3)]
    assert set(events[0]) >= {"type", "job_id", "progress", "current_step", "elapsed", "eta", "attempt", "timestamp"}


async def test_late_and_returning_watchers_miss_nothing_and_hear_nothing_twice(served: Served) -> None:
    made = await served.desk.submission()
    await served.desk.tell(made["job_id"], 10, 20, 30)
    query = f"?job={made['job_id']}"
    assert [event["seq"] for event in await served.heard(4, query)] == [1, 2, 3, 4]
    assert [event["seq"] for event in await served.heard(2, f"{query}&since=2")] == [3, 4]


async def test_two_watchers_hear_the_same(served: Served) -> None:
    made = await served.desk.submission()
    query = f"?job={made['job_id']}"
    async with served.socket(query) as one, served.socket("") as all_jobs:
        await told(one, 1)
        await told(all_jobs, 0)
        await served.desk.tell(made["job_id"], 10)
        assert await one.recv() == await all_jobs.recv()


async def test_a_watcher_of_one_job_hears_of_no_other(served: Served) -> None:
    one, other = await served.desk.submission(), await served.desk.submission()
    async with served.socket(f"?job={one['job_id']}") as socket:
        await told(socket, 1)
        await served.desk.tell(other["job_id"], 50)
        await served.desk.tell(one["job_id"], 10)
        assert json.loads(await socket.recv())["job_id"] == one["job_id"]


async def test_watchers_that_come_and_go_while_a_job_runs_hear_every_event_once(served: Served) -> None:
    made = await served.desk.submission()
    job_id = made["job_id"]

    async def work() -> None:
        for percent in range(300):
            await served.desk.tell(job_id, percent / 3)
            await asyncio.sleep(0.001)

    async def watch_in_pieces() -> list[int]:
        seen: list[int] = []
        while len(seen) < 301:
            async with served.socket(f"?job={job_id}&since={seen[-1] if seen else 0}") as socket:
                seen += [event["seq"] for event in await told(socket, min(40, 301 - len(seen)))]
        return seen

    working, *seen = await asyncio.gather(work(), *(watch_in_pieces() for _ in range(3)))
    assert working is None
    assert seen == [list(range(1, 302))] * 3


async def test_a_finished_job_whose_events_are_gone_tells_its_end(served: Served) -> None:
    made = await served.desk.submission()
    await served.desk.finish(made["job_id"])
    served.desk.progress.events.clear()
    [end] = await served.heard(1, f"?job={made['job_id']}")
    assert (end["type"], end["status"], end["progress"]) == ("state", "SUCCESS", 100.0)


async def test_a_watcher_that_does_not_read_costs_no_memory_and_loses_nothing(served: Served) -> None:
    made = await served.desk.submission()
    async with served.socket(f"?job={made['job_id']}", max_queue=1, compression=None) as socket:
        text = "x" * 5_000
        for _ in range(3_000):
            await served.desk.tell(made["job_id"], 50, type="log", message=text)
        feed = served.desk.app.state.gateway.hub._feeds[made["job_id"]]
        [subscription] = feed.watchers
        assert len(subscription._queue) <= 512
        events = await told(socket, 3_001)
    assert [event["seq"] for event in events] == list(range(1, 3_002))


# -- talking back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["ping", '{"type": "ping"}', '"ping"'])
async def test_a_ping_is_answered(served: Served, said: str) -> None:
    async with served.socket() as socket:
        await told(socket, 0)
        await socket.send(said)
        assert json.loads(await socket.recv())["type"] == "pong"


async def test_anything_else_is_answered_with_an_error_and_the_watch_goes_on(served: Served) -> None:
    async with served.socket() as socket:
        await told(socket, 0)
        for said in ("what?", "[" * 900, b"\x00\xff", "{}"):
            await socket.send(said)
            assert json.loads(await socket.recv())["type"] == "error"
        await socket.send("ping")
        assert json.loads(await socket.recv())["type"] == "pong"


def test_a_deeply_nested_text_is_no_ping() -> None:
    assert not is_ping("[" * 1000)
    assert not is_ping(None)


async def test_a_job_that_is_not_there_closes_with_4404(served: Served) -> None:
    async with served.socket("?job=job_x") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4404


@pytest.mark.parametrize("query", ["?since=-1", "?since=x"])
async def test_a_number_that_is_none_is_refused(served: Served, query: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with served.socket(query) as socket:
            await socket.recv()
    answer = refused.value.response
    assert answer.status_code == 422 and json.loads(answer.body)["errors"][0]["field"] == "since"


async def test_a_socket_that_is_gone_is_forgotten(served: Served) -> None:
    hub = served.desk.app.state.gateway.hub
    async with served.socket() as socket:
        await told(socket, 0)
        assert hub.watchers == 1
    await until(lambda: hub.watchers == 0)
    made = await served.desk.submission()
    async with served.socket(f"?job={made['job_id']}") as socket:
        await told(socket, 1)
        socket.transport.abort()
    await until(lambda: hub.watchers == 0 and not hub._feeds)


# -- who gets in ---------------------------------------------------------------------------------------------------


async def refused(served: Served, status: int, query: str = "", **options: Any) -> None:
    with pytest.raises(InvalidStatus) as answer:
        async with served.socket(query, **options):
            pass
    assert answer.value.response.status_code == status


async def test_a_stranger_gets_no_websocket(served: Served) -> None:
    await refused(served, 401, additional_headers={})
    await refused(served, 401, additional_headers={"Authorization": "Bearer wrong"})
    await refused(served, 401, "?ticket=wrong", additional_headers={})


async def test_a_ticket_opens_one_websocket(served: Served) -> None:
    async with served.desk.client() as client:
        ticket = (await client.post("/api/tickets")).json()["ticket"]
    async with served.socket(f"?ticket={ticket}", additional_headers={}) as socket:
        await told(socket, 0)
    await refused(served, 401, f"?ticket={ticket}", additional_headers={})


async def test_a_session_opens_a_websocket_from_our_own_pages_only(served: Served) -> None:
    async with httpx.AsyncClient(base_url=f"http://{served.host}") as browser:
        await browser.post("/login", data={"token": TOKEN})
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    async with served.socket(additional_headers=cookie, origin=f"http://{served.host}") as socket:
        await told(socket, 0)
    for origin in ("https://evil.example", f"http://{served.host}0", None):
        await refused(served, 403, additional_headers=cookie, origin=origin)


async def test_many_watchers_hear_of_an_event_soon(served: Served) -> None:
    sockets = await asyncio.gather(*(served.socket().__aenter__() for _ in range(100)))
    await asyncio.gather(*(told(socket, 0) for socket in sockets))
    await served.desk.tell("job_1", 50)
    async with asyncio.timeout(2):
        texts = await asyncio.gather(*(socket.recv() for socket in sockets))
    assert len(set(texts)) == 1
    await asyncio.gather(*(socket.close() for socket in sockets))
