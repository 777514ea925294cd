"""Graphs and modules that a test declares for itself, in the folders where a user would."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import yaml

from spine.contracts.graphs import GraphJob, GraphSubmission
from spine.graphs import GraphDesk
from spine.services import Services
from tasks.module_graph.run import desk_of
from tests.flows.conftest import World

NOTING = '''
"""A module that notes each run in a file, and does what its input asks for."""
import asyncio, time
from pathlib import Path
from pydantic import BaseModel
from spine.errors import ExternalServiceError
from tasks.module_graph.worker import ModuleWorker

class {name}(ModuleWorker):
    name = "{module}"
    {way} process(self, data):
        with Path({log!r}).open("a") as log:
            log.write("{module}\\n")
        {body}
'''


class GraphWorld:
    """One stack in memory with a folder of graphs and one of modules."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.services: Services = world.services
        self.log = folder / "runs.txt"
        for each in (self.services.settings.graphs_dir, self.services.settings.modules_dir):
            each.mkdir(parents=True, exist_ok=True)

    @property
    def desk(self) -> GraphDesk:
        return desk_of(self.services)

    @property
    def runs(self) -> list[str]:
        """Modules in the order in which they began, once for each time."""
        return self.log.read_text().split() if self.log.exists() else []

    def module(self, name: str, body: str = "return {}", *, way: str = "async def") -> None:
        """A module whose `process` has this body; `data` is its input with whatever fields it was given."""
        text = NOTING.format(
            name=name.title().replace("_", "").replace("-", ""),
            module=name,
            log=str(self.log),
            way=way,
            body=textwrap.indent(textwrap.dedent(body), " " * 8).strip(),
        )
        (self.services.settings.modules_dir / f"{name}.py").write_text(text)

    def graph(self, name: str, modules: dict[str, Any], **settings: Any) -> None:
        path = self.services.settings.graphs_dir / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"name": name, "modules": modules, **settings}, sort_keys=False))

    async def run(self, graph: str, start_module: str | None = None, sink: str | None = None, **input: Any) -> GraphJob:
        """Submit and run to the end of the first attempt."""
        submission = GraphSubmission(input=input, start_module=start_module, sink=sink)
        _, job = await self.desk.submit(graph, submission)
        return await self.go_on(job.job_id)

    async def go_on(self, job_id: str) -> GraphJob:
        await self.world.run(await self.services.ledger.get(job_id))
        return await self.desk.job(job_id)

    async def redrive(self, job_id: str) -> GraphJob:
        await self.services.ledger.redrive(job_id)
        return await self.go_on(job_id)
