"""The stack that chaos is done to: a real one in a home of its own, reached as a user and an operator reach it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from blocks.accounts import REFRESH_SECONDS
from deployments.stack.environment import load_environment
from deployments.stack.home import Home
from deployments.stack.status import status_of
from tests.chaos import catalogue
from tests.chaos.little_memory import LittleMemory
from tests.chaos.outside import BOT_SECRET, CRM_KEY, WORDPRESS_LOGIN, Outside
from tests.chaos.small_disk import Disk
from tests.chaos.wall_clock import WallClock
from tests.stack.whole_stack import WholeStack

_MODULE = """
# version {version}
import asyncio, os
import httpx
from pydantic import BaseModel
from tasks.module_graph.worker import ModuleWorker

class Step(BaseModel):
    mark: str

class Done(BaseModel):
    done: bool = True

class {kind}(ModuleWorker[Step, Done]):
    async def process(self, data: Step) -> Done:
        await asyncio.sleep(0.3)
        async with httpx.AsyncClient(trust_env=False) as client:
            address = os.environ["CHAOS_MARKS"] + "/" + data.mark + "/{name}"
            (await client.post(address, headers={{"X-Version": "{version}"}})).raise_for_status()
        return Done()
"""

_POISON = """
import os, signal
from pydantic import BaseModel
from tasks.module_graph.worker import ModuleWorker

class Step(BaseModel):
    mark: str

class Done(BaseModel):
    done: bool = True

class Poison(ModuleWorker[Step, Done]):
    async def process(self, data: Step) -> Done:
        os.kill(os.getpid(), signal.SIGKILL)
        return Done()
"""

_GREEDY = """
import os
from pathlib import Path
from pydantic import BaseModel
from tasks.module_graph.worker import ModuleWorker

class Step(BaseModel):
    mark: str

class Done(BaseModel):
    done: bool = True

class Greedy(ModuleWorker[Step, Done]):
    async def process(self, data: Step) -> Done:
        (Path(os.environ["CHAOS_LITTLE_MEMORY"]) / "cgroup.procs").write_text(str(os.getpid()))
        kept = bytearray(os.urandom(1) * (512 * 2**20))
        return Done(done=bool(kept))
"""

_SAVE_BLOCKS = """
import os
from blocks.crm_account import CrmAccount
from blocks.wordpress_site import WordPressSite
CrmAccount(base_url=os.environ["CRM_URL"], api_key=os.environ["CRM_KEY"]).save("shop", overwrite=True)
login = {"username": os.environ["SITE_USER"], "application_password": os.environ["SITE_PASSWORD"]}
WordPressSite(url=os.environ["SITE_URL"], **login).save("default", overwrite=True)
"""

STEPS = ("wash", "dry", "fold")
"""The modules of the graph `line`, one after the other."""


class Refused(AssertionError):
    """The gateway refused healthy work: `status` says how."""


@dataclass
class Target:
    """Opened by `open`, ended by `close`."""

    home: Path
    outside: Outside
    disk: Disk = Disk.OTHERS

    def __post_init__(self) -> None:
        self._sources = TemporaryDirectory(prefix="millrace-chaos-personas-")  # what is ours is not on the stack's disk
        self._clocks = TemporaryDirectory(prefix="millrace-chaos-clock-")
        self.clock, self.memory = WallClock(Path(self._clocks.name)), LittleMemory()
        settings = {"MILLRACE_LANE_RANGE": "1", "MILLRACE_PERSONAS": self._sources.name}
        settings["CHAOS_LITTLE_MEMORY"] = str(self.memory.folder or "")
        self.stack = WholeStack(self.home, **settings, **self.outside.environment, **self.clock.environment)
        headers = {"Authorization": self.stack.http.headers["Authorization"]}
        base = f"http://127.0.0.1:{self.stack.port}"
        self.http = httpx.AsyncClient(base_url=base, headers=headers, timeout=30, trust_env=False)
        self.patience = 180.0
        """Seconds that a request is tried again while the stack does not take it."""

    async def open(self) -> None:
        self._declare_graphs()
        await asyncio.to_thread(self.stack.command, "up", "--no-demo", timeout=300)
        await asyncio.to_thread(self._save_blocks)
        await asyncio.sleep(REFRESH_SECONDS + 1)  # that is how long the processes believe in the accounts they know

    async def close(self) -> None:
        await self.http.aclose()
        await asyncio.to_thread(self.stack.close)
        self.memory.close()
        self._sources.cleanup()
        self._clocks.cleanup()

    def lacks(self, kind: str) -> str | None:
        """Why this stack cannot be given such a fault; None when it can."""
        known = {
            catalogue.DISK: (self.disk >= Disk.FILLED, "the home is on a disk of others"),
            catalogue.READ_ONLY: (self.disk >= Disk.LOCKED, "the home's disk cannot be locked under open files"),
            catalogue.CLOCK: (self.clock.can_be_moved, "there is no C compiler"),
            "clock-kill": (self.clock.can_be_moved, "there is no C compiler"),
            catalogue.GREED: (self.memory.folder is not None, "no control group may be made"),
        }
        is_there, why = known.get(kind, (True, ""))
        return None if is_there else why

    # -- HTTP ----------------------------------------------------------------------------------------------

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Send until it is acknowledged, as a careful caller does: what was not acked is sent again under its key."""
        return await self._asked("POST", path, json=body, headers=headers or {})

    async def get(self, path: str, **params: Any) -> dict[str, Any] | None:
        """None: there is no such thing (404)."""
        try:
            return await self._asked("GET", path, params=params)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == 404:
                return None
            raise

    async def telegram(self, update_id: int, chat_id: int, words: str) -> dict[str, Any]:
        """Deliver an update until it is acked, as Telegram does."""
        person = {"id": chat_id, "is_bot": False, "first_name": "Ana"}
        message = {"message_id": update_id, "from": person, "chat": {"id": chat_id, "type": "private"}, "text": words}
        body = {"update_id": update_id, "message": {**message, "date": int(time.time())}}
        return await self.post("/webhooks/telegram/default", body, {"X-Telegram-Bot-Api-Secret-Token": BOT_SECRET})

    async def _asked(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        deadline = time.monotonic() + self.patience
        while True:
            with suppress(httpx.TransportError):
                answer = await self.http.request(method, path, **content)
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer.raise_for_status().json()
            if time.monotonic() > deadline:
                raise Refused(f"{method} {path} was not taken for {self.patience:.0f} s")
            await asyncio.sleep(0.3)

    # -- processes -----------------------------------------------------------------------------------------

    async def pids(self, part: str) -> list[int]:
        """The processes of a part, as `millrace status` tells them; a lane goes by its name without its number."""
        return [one["pid"] for one in await self._shown(part)]

    async def healthy_pids(self, part: str) -> list[int]:
        return [one["pid"] for one in await self._shown(part) if one["state"] == "healthy"]

    async def _shown(self, part: str) -> list[dict[str, Any]]:
        status = await asyncio.to_thread(status_of, Home(self.home))
        shown = [*status["parts"], *status["lanes"]]
        return [one for one in shown if one["pid"] and (one["name"] == part or _of_lane(one["name"], part))]

    def lane_deaths(self) -> int:
        """How often lanes were started again since the stack came up."""
        return sum(lane["restarts"] for lane in status_of(Home(self.home))["lanes"])

    def redis_url(self) -> str:
        return self.exported()["MILLRACE_REDIS_URL"]

    def exported(self) -> dict[str, str]:
        """What `millrace env` tells a shell."""
        return load_environment(Home(self.home))

    def run(self, *words: str, **environment: str) -> None:
        """A Python that talks to this stack."""
        whole = {**self.stack.environment, **self.exported(), **environment}
        subprocess.run([sys.executable, *words], env=whole, check=True, capture_output=True, timeout=120)

    # -- furnishing ----------------------------------------------------------------------------------------

    def _save_blocks(self) -> None:
        """What the environment cannot say: where orders go, and where articles are published."""
        user, password = WORDPRESS_LOGIN
        site = {"SITE_URL": self.outside.wordpress.url, "SITE_USER": user, "SITE_PASSWORD": password}
        self.run("-c", _SAVE_BLOCKS, CRM_URL=self.outside.crm.url, CRM_KEY=CRM_KEY, **site)

    def _declare_graphs(self) -> None:
        for folder in ("graphs", "modules"):
            (self.home / folder).mkdir(parents=True)
        self.roll_out(1)
        (self.home / "modules" / "poison.py").write_text(_POISON)
        (self.home / "modules" / "greedy.py").write_text(_GREEDY)
        (self.home / "graphs" / "line.yaml").write_text("modules: {wash: [dry], dry: [fold], fold: []}\n")
        (self.home / "graphs" / "poisoned.yaml").write_text("modules: {poison: []}\n")
        (self.home / "graphs" / "greedy.yaml").write_text("modules: {greedy: []}\n")

    def roll_out(self, version: int) -> None:
        """Put new code where lanes look for it when they start."""
        for name in STEPS:
            text = _MODULE.format(kind=name.capitalize(), name=name, version=version)
            (self.home / "modules" / f"{name}.py").write_text(text)

    def add_persona(self, name: str, passages: int) -> None:
        """A source of which every paragraph becomes a passage of its own."""
        folder = Path(self._sources.name) / name / "quotes"
        folder.mkdir(parents=True)
        lines = [json.dumps({"text": _quote(name, number), "author": "Ilse Marrow"}) for number in range(passages)]
        (folder / "quotes.jsonl").write_text("\n".join(lines) + "\n")


async def until(condition: Callable[[], Awaitable[bool]], within: float, every: float = 0.5) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + within
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(every)
    return True


def _of_lane(name: str, part: str) -> bool:
    return name.startswith("lane-") and name.rpartition("-")[0] == part


def _quote(name: str, number: int) -> str:
    """Sentences that have little in common, so that none is taken for a copy of another."""
    words = [f"{name}{(number * 37 + place * 101) % 997}" for place in range(14)]
    return f"Of hour {number} the ledger says: {' '.join(words)}."
