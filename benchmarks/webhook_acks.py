"""Milliseconds from a Telegram update to its acknowledgement, at a steady rate.

    .venv/bin/python -m benchmarks.webhook_acks [--rate 200] [--seconds 20]

A gateway process of its own with SQLite (every ack follows a durable row) and a real Redis queue; no lane takes the
jobs. The caller keeps its rate whatever the answers take (an open loop), so a slow answer counts against those after
it. Told beside it: how late the caller itself was, and what an ack costs the gateway in processor time; on a machine
that does other work meanwhile these tell how much of the wait is the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import httpx
import psutil

from benchmarks.frame.figures import Effort, Figure, Note, Outcome, at_most
from benchmarks.frame.turns import quantile
from benchmarks.surroundings.light_client import LightClient
from deployments.stack.redis_server import find_redis

TARGET_MS = 50.0
WEBHOOK = "/webhooks/telegram/default"
_SECRET = "a-secret-for-the-bench"
_TOKEN = "a-token-for-the-bench-0123456789"


@dataclass
class Acks:
    """Seconds, one entry per update."""

    took: list[float] = field(default_factory=list[float])
    late: list[float] = field(default_factory=list[float])
    wrong: int = 0


FIGURES = (Figure("webhook ack under 200 req/s, gateway alone", "p95", "ms", at_most(TARGET_MS)),)


def bench(effort: Effort) -> Outcome:
    with tempfile.TemporaryDirectory() as folder, _gateway(Path(folder)) as (address, _):
        asyncio.run(steady_acks(address, rate=20, count=40))
        acks = asyncio.run(steady_acks(address, 200, 200 * effort.size(20, 3)))
    took, late = [1000 * one for one in acks.took], [1000 * one for one in acks.late]
    notes = [Note("p50", quantile(took, 0.5), "ms"), Note("p99", quantile(took, 0.99), "ms")]
    notes += [Note("lateness of the caller itself, p95", quantile(late, 0.95), "ms")]
    return Outcome({"p95": quantile(took, 0.95)}, notes=[*notes, Note("not acknowledged as new", acks.wrong, "")])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200, help="updates per second")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args(arguments if arguments is not None else sys.argv[1:] if __name__ == "__main__" else [])
    with tempfile.TemporaryDirectory() as folder, _gateway(Path(folder)) as (address, process):
        asyncio.run(steady_acks(address, rate=20, count=40))  # connections, caches
        before = process.cpu_times()
        acks = asyncio.run(steady_acks(address, options.rate, int(options.rate * options.seconds)))
        after = process.cpu_times()
    work = after.user + after.system - before.user - before.system
    _tell(acks, options.rate, work / len(acks.took))


async def steady_acks(address: str, rate: int, count: int, secret: str = _SECRET) -> Acks:
    """Send so many updates at that rate and wait for every answer."""
    acks, began = Acks(), time.perf_counter()
    headers = telegram_headers(secret)
    async with LightClient(address) as client:

        async def one(number: int) -> None:
            due = began + number / rate
            await asyncio.sleep(due - time.perf_counter())
            sent = time.perf_counter()
            body = telegram_update(count * 1_000_000 + number, 1000 + number % 100, f"Message {number}")
            try:
                async with asyncio.timeout(30):
                    status, answer = await client.post(WEBHOOK, body, headers)
            except (OSError, asyncio.IncompleteReadError):
                acks.wrong += 1
                return
            acks.took.append(time.perf_counter() - sent)
            acks.late.append(sent - due)
            acks.wrong += status != 200 or json.loads(answer)["duplicate"]

        await asyncio.gather(*(one(number) for number in range(count)))
    return acks


def telegram_headers(secret: str) -> dict[str, str]:
    return {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}


def telegram_update(number: int, person: int, text: str) -> bytes:
    """An update, as the body of a webhook: a message of that number from a person in their own chat."""
    sender = {"id": person, "is_bot": False, "first_name": "Ana", "language_code": "en"}
    chat = {"id": person, "type": "private"}
    message = {"message_id": number, "from": sender, "chat": chat, "date": int(time.time()), "text": text}
    return json.dumps({"update_id": number, "message": message}).encode()


def _tell(acks: Acks, rate: int, work: float) -> None:
    cut = quantiles((seconds * 1000 for seconds in acks.took), n=100)
    late = quantiles((seconds * 1000 for seconds in acks.late), n=100)
    verdict = "reached" if cut[94] <= TARGET_MS else "missed"
    print(f"{len(acks.took)} updates at {rate}/s, {acks.wrong} not acknowledged as new")
    print(f"ack ms: p50 {cut[49]:.1f}, p95 {cut[94]:.1f}, p99 {cut[98]:.1f}; target p95 ≤ {TARGET_MS:g} {verdict}")
    print(f"processor time of the gateway: {work * 1000:.1f} ms per ack")
    print(f"the caller itself was late by p50 {late[49]:.1f} ms, p95 {late[94]:.1f} ms")


@contextmanager
def _gateway(home: Path) -> Generator[tuple[str, psutil.Process]]:
    port, redis_socket = _free_port(), home / "redis.sock"
    binary = find_redis()
    assert binary is not None, "no redis-server was found"
    redis = subprocess.Popen(
        [str(binary), "--port", "0", "--unixsocket", str(redis_socket), "--dir", str(home), "--appendonly", "yes"],
        stdout=subprocess.DEVNULL,
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MILLRACE_", "PREFECT_"))}
    environment = {
        **kept,
        "MILLRACE_HOME": str(home),
        "MILLRACE_PORT": str(port),
        "MILLRACE_TOKEN": _TOKEN,
        "MILLRACE_REDIS_URL": f"unix://{redis_socket}",
        "TELEGRAM_WEBHOOK_SECRET": _SECRET,
    }
    gateway = subprocess.Popen([sys.executable, "-m", "deployments.cli", "gateway"], env=environment)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}", psutil.Process(gateway.pid)
    finally:
        for process in (gateway, redis):
            process.terminate()
            process.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
