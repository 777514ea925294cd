"""Two gateways, three lanes and two Prefect API servers as processes of their own: one of each may die.

Where network namespaces can be made, each process has one, with an address of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from deployments.stack.postgres_server import find_postgres
from deployments.stack.redis_server import find_redis
from spine.testing.loopback_telegram import LoopbackTelegram
from spine.testing.openai_server import Answer, Call, OpenAiServer
from tests.conftest import until
from tests.stack.cluster import TOKEN, Cluster, Node, answers, ended_afterwards, shared_servers
from tests.stack.networks import Balancer, Namespaces, some_network

pytestmark = [
    pytest.mark.stack,
    pytest.mark.chaos,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_redis() is None or not find_postgres(), reason="no redis-server or no PostgreSQL"),
]

QUOTE = "The tide keeps no clock but its own, and pays nobody for the hours."
COME_AGAIN = 1012
"""The code of a WebSocket whose server restarts: the dashboard connects again and reads on from its last event."""
SECRET = "secret-of-a-test"
WITHIN = 240.0
"""Seconds, on a machine that does other things as well."""


@dataclass
class World:
    """The cluster, the outside world that it talks to, and what was written to it."""

    cluster: Cluster
    telegram: LoopbackTelegram
    model: OpenAiServer
    written: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    jobs: dict[str, str] = field(default_factory=dict[str, str])
    """The jobs that were acked, by the message."""

    async def write(self, gateway: Node, chat: int, number: int, kind: str = "") -> str:
        """A customer's message at this gateway; its job. Whoever is not acked tries again, as Telegram does."""
        text = f"{kind} message {number} of chat {chat}".strip()
        update = {
            "update_id": chat * 1000 + number,
            "message": {
                "message_id": number + 1,
                "date": 1_700_000_000,
                "chat": {"id": chat, "type": "private"},
                "from": {"id": chat, "is_bot": False, "first_name": "Ana"},
                "text": text,
            },
        }
        headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            address = f"http://{gateway.address}/webhooks/telegram/default"
            answer = (await client.post(address, json=update, headers=headers)).raise_for_status()
        self.written.setdefault(chat, []).append(text)
        self.jobs[text] = answer.json()["job_id"]
        return self.jobs[text]

    async def job(self, gateway: Node, job_id: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(timeout=30, trust_env=False, headers=headers) as client:
            answer = await client.get(f"http://{gateway.address}/api/jobs/{job_id}")
        return answer.raise_for_status().json()

    async def all_ended(self, gateway: Node) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        async def over() -> bool:
            found[:] = [await self.job(gateway, job_id) for job_id in self.jobs.values()]
            return all(job["status"] in ("SUCCESS", "FAILURE", "DEAD", "REVOKED") for job in found)

        await until(over, within=WITHIN)
        return found

    def assert_answered_once_in_order(self, in_doubt: set[str]) -> None:
        for chat, texts in self.written.items():
            expected = [f"re: {text}" for text in texts]
            unsure = [text for text in expected if text not in in_doubt]
            assert self.telegram.texts(chat) in (expected, unsure), chat


class Model:
    """Repeats what it is asked. It takes its time with what is called slow, when it hears that first."""

    def __init__(self) -> None:
        self._slow: set[str] = set()

    def answer(self, call: Call) -> Answer:
        slow = "slow" in call.prompt and call.prompt not in self._slow
        self._slow.add(call.prompt)
        return Answer(text=f"re: {call.prompt}", delay=60.0 if slow else 0.3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[World]:
    root = tmp_path_factory.mktemp("cluster")
    telegram = LoopbackTelegram()
    telegram.start()
    async with AsyncExitStack() as stack:
        stack.callback(telegram.close)
        model = OpenAiServer(Model().answer)
        model.start()
        stack.callback(model.close)
        servers, auth = await stack.enter_async_context(shared_servers(root))
        environment = {
            "GROQ_API_KEY": "key-of-a-test",
            "GROQ_BASE_URL": model.base_url,
            "TELEGRAM_BOT_TOKEN": "123456:loopback-token-of-a-test",
            "TELEGRAM_WEBHOOK_SECRET": SECRET,
            "TELEGRAM_API_URL": telegram.url,
        }
        network = some_network()
        if isinstance(network, Namespaces):
            stack.callback(network.close)
        outside = [
            port_of(url) for url in (servers.redis, servers.postgres, servers.chroma, telegram.url, model.base_url)
        ]
        await stack.enter_async_context(network.reaching(outside))
        cluster = stack.enter_context(ended_afterwards(Cluster(root, servers, auth, network, environment)))
        await _start(cluster, stack)
        yield World(cluster, telegram, model)


def port_of(url: str | None) -> int:
    return int(urlsplit(str(url)).port or 0)


async def _start(cluster: Cluster, stack: AsyncExitStack) -> None:
    await asyncio.to_thread(cluster.upgrade_prefect)
    first = cluster.prefect_server("prefect-a")
    await answers(first, "/api/health")  # two that fill a new database at once: one of them ends
    apis = [first, cluster.prefect_server("prefect-b")]
    cluster.prefect_services()
    await answers(apis[1], "/api/health")
    balancer = await stack.enter_async_context(Balancer([(api.host, api.port) for api in apis]).serving())
    cluster.prefect_port = balancer.port
    await stack.enter_async_context(cluster.network.reaching([balancer.port]))
    await asyncio.to_thread(cluster.setup)
    gateways = [cluster.gateway("gateway-a"), cluster.gateway("gateway-b")]
    cluster.lane("live-1", "live")
    cluster.lane("live-2", "live")
    cluster.lane("pipelines-1", "pipelines")
    await asyncio.gather(*(answers(gateway, "/health") for gateway in gateways))
    headers = {"Authorization": f"Bearer {TOKEN}"}

    async def complete() -> bool:
        async with httpx.AsyncClient(timeout=10, trust_env=False, headers=headers) as client:
            health = (await client.get(f"http://{gateways[1].address}/health")).json()
        return health["status"] == "healthy" and len(health["lanes"]) == 3

    await until(complete, within=120)


async def watch(gateway: Node, heard: list[dict[str, Any]], ready: asyncio.Event) -> None:
    """Everything that this gateway tells about jobs, from `ready` on."""
    address = f"ws://{gateway.address}/ws/tasks"
    async with connect(address, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        while True:  # a loop over the socket would take some closings for an orderly end
            heard.append(json.loads(await socket.recv()))
            ready.set()


async def test_a_message_at_one_gateway_is_answered_by_any_lane_and_watched_at_the_other(world: World) -> None:
    a, b = world.cluster.nodes["gateway-a"], world.cluster.nodes["gateway-b"]
    heard: list[dict[str, Any]] = []
    ready = asyncio.Event()
    watching = asyncio.create_task(watch(b, heard, ready))
    await ready.wait()

    for number in range(3):
        await asyncio.gather(*(world.write(a, chat, number) for chat in range(100, 120)))
    ended = await world.all_ended(b)
    await until(lambda: len({e["job_id"] for e in heard if e.get("status") == "SUCCESS"}) == len(ended), within=30)
    watching.cancel()

    assert Counter(job["status"] for job in ended) == {"SUCCESS": 60}
    assert len({job["worker"] for job in ended}) == 2
    world.assert_answered_once_in_order(set())


async def test_a_work_of_each_lane_runs_with_its_flow_recorded_through_either_api_server(world: World) -> None:
    a, b = world.cluster.nodes["gateway-a"], world.cluster.nodes["gateway-b"]
    with world.cluster.http(a) as http:
        body = {"input": {"username": "ana", "projeto": "loja", "pergunta": "Onde está o meu pedido?"}}
        graph = http.post("/api/graphs/customer-question/jobs", json=body).raise_for_status().json()["job_id"]

    async def over() -> bool:
        return (await world.job(b, graph))["status"] == "SUCCESS"

    await until(over, within=WITHIN)


async def test_a_persona_that_one_gateway_was_given_is_found_through_the_other(world: World) -> None:
    quotes = world.cluster.personas / "marrow" / "quotes"
    quotes.mkdir(parents=True)
    (quotes / "quotes.json").write_text(json.dumps([{"text": QUOTE, "source": "The Tide Clock"}]))
    with (
        world.cluster.http(world.cluster.nodes["gateway-a"]) as a,
        world.cluster.http(world.cluster.nodes["gateway-b"]) as b,
    ):
        job_id = (await asyncio.to_thread(a.post, "/api/personas/marrow/ingest", json={})).json()["job_id"]

        async def over() -> bool:
            return (await world.job(world.cluster.nodes["gateway-b"], job_id))["status"] == "SUCCESS"

        await until(over, within=WITHIN)
        found = await asyncio.to_thread(b.get, "/api/personas/marrow/search", params={"q": "tide clock hours"})
        assert [hit["text"] for hit in found.raise_for_status().json()["items"]] == [QUOTE]


async def test_lanes_and_a_gateway_are_replaced_one_by_one_while_messages_flow(world: World) -> None:
    """A rolling upgrade: each is asked to end, gives back what it cannot end, and its successor starts."""
    nodes, stop = world.cluster.nodes, asyncio.Event()
    before = set(world.jobs)

    async def load() -> None:
        number = 0
        while not stop.is_set():
            for chat in range(300, 310):
                await world.write(nodes["gateway-b"], chat, number)
            number += 1
            await asyncio.sleep(0.2)

    loading = asyncio.create_task(load())
    heard: list[dict[str, Any]] = []
    ready = asyncio.Event()
    watching = asyncio.create_task(watch(nodes["gateway-a"], heard, ready))
    await ready.wait()
    for name, start in (
        ("live-1", lambda: world.cluster.lane("live-1", "live")),
        ("live-2", lambda: world.cluster.lane("live-2", "live")),
        ("gateway-a", lambda: world.cluster.gateway("gateway-a")),
    ):
        nodes[name].ask_to_end()
        assert await asyncio.to_thread(nodes[name].process.wait, 60) == 0, nodes[name].log.read_text()[-2000:]
        start()
    with pytest.raises(ConnectionClosed) as closed:
        await watching
    assert closed.value.rcvd is not None and closed.value.rcvd.code == COME_AGAIN
    await answers(nodes["gateway-a"], "/health")
    stop.set()
    await loading
    ended = await world.all_ended(nodes["gateway-b"])

    new = [job for job in ended if job["job_id"] in {id for text, id in world.jobs.items() if text not in before}]
    assert Counter(job["status"] for job in new) == {"SUCCESS": len(new)}
    assert max(job["attempts"] for job in new) == 1
    assert not [text for text, id in world.jobs.items() if _in_doubt(ended, id)]
    world.assert_answered_once_in_order(set())


async def test_a_lane_gives_back_what_it_cannot_end_in_time_and_another_one_does_it(world: World) -> None:
    nodes = world.cluster.nodes
    job_id = await world.write(nodes["gateway-b"], 400, 0, kind="slow")

    async def at_work() -> bool:
        return (await world.job(nodes["gateway-b"], job_id))["status"] in ("STARTED", "PROGRESS")

    await until(at_work, within=60)
    worker = (await world.job(nodes["gateway-b"], job_id))["worker"]
    [lane] = [node for node in nodes.values() if worker.endswith(f":{node.process.pid}")]
    lane.ask_to_end()
    assert await asyncio.to_thread(lane.process.wait, 90) == 0, lane.log.read_text()[-2000:]
    await world.all_ended(nodes["gateway-b"])
    world.cluster.lane(lane.name, "live")

    ended = await world.job(nodes["gateway-b"], job_id)
    assert (ended["status"], ended["attempts"]) == ("SUCCESS", 1)
    assert ended["worker"] != worker
    assert world.telegram.texts(400) == ["re: slow message 0 of chat 400"]


async def test_one_of_each_is_killed_under_load_and_nothing_is_lost_or_doubled(world: World) -> None:
    nodes = world.cluster.nodes
    before = len(world.telegram.sent)

    async def load() -> None:
        for number in range(5):
            for chat in range(200, 220):
                gateway = nodes["gateway-a"] if chat % 2 and nodes["gateway-a"].process.poll() is None else None
                with suppress(httpx.HTTPError):
                    await world.write(gateway or nodes["gateway-b"], chat, number)
                    continue
                await world.write(nodes["gateway-b"], chat, number)  # the same update again, at the other one

    loading = asyncio.create_task(load())
    await until(lambda: len(world.telegram.sent) - before >= 15, within=WITHIN)
    for name in ("live-1", "gateway-a", "prefect-a"):
        nodes[name].kill()
    await loading
    ended = await world.all_ended(nodes["gateway-b"])

    assert Counter(job["status"] for job in ended) == {"SUCCESS": len(world.jobs)}
    doubtful = {text for text, id in world.jobs.items() if _in_doubt(ended, id)}
    assert len(doubtful) <= 20  # at most one for each reply that was on its way from the lane that died
    world.assert_answered_once_in_order({f"re: {text}" for text in doubtful})


def _in_doubt(ended: list[dict[str, Any]], job_id: str) -> bool:
    job = next(job for job in ended if job["job_id"] == job_id)
    return (job["result"] or {}).get("delivery") == "ambiguous"
