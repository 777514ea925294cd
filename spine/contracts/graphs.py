"""A graph of modules as it is declared, and a job's way through it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from spine.contracts.jobs import JobError, JobStatus
from spine.contracts.timestamps import Timestamp, utc_now

NAME_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,62}$"
"""What modules and graphs may be called: such a name is also a file, a queue and a path in a document."""


class Edge(BaseModel):
    """The way from one module to another."""

    model_config = ConfigDict(extra="forbid")

    to: str
    when: str | None = Field(default=None, max_length=500, description="taken only if true of the module's output")
    max_rounds: int | None = Field(
        default=None, ge=1, le=100, description="makes it a way back: how often it may be taken in one job"
    )


class ModuleRules(BaseModel):
    """How one module is run, and where its output goes."""

    model_config = ConfigDict(extra="forbid")

    to: list[Edge] = Field(default_factory=list[Edge])
    join: Literal["all", "any"] = Field(default="all", description="with several parents: must all lead here, or one")
    retries: int = Field(default=3, ge=0, le=20, description="further tries after a passing fault")
    retry_delay: float = Field(default=1.0, ge=0, le=600, description="seconds before the first further try; doubles")
    timeout: float = Field(default=60.0, gt=0, le=7200, description="seconds for one try")
    concurrency: int | None = Field(default=None, ge=1, le=1000, description="at once in one lane process; none: any")
    isolation: Literal["lane", "process"] = Field(
        default="lane", description="process: each try in a process of its own, which the time limit kills"
    )

    @property
    def ahead(self) -> list[Edge]:
        return [edge for edge in self.to if edge.max_rounds is None]

    @property
    def back(self) -> list[Edge]:
        return [edge for edge in self.to if edge.max_rounds is not None]


class Graph(BaseModel):
    """A declared graph. A job keeps a copy of the one that it was started with."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=NAME_PATTERN)
    description: str = ""
    start: list[str] = Field(description="modules that run first")
    time_limit: float = Field(default=1800.0, gt=0, le=86_400, description="seconds for one attempt of a job")
    sink: str | None = Field(default=None, description="name of the saved `Graph Sink` that results are sent to")
    input: dict[str, Any] | None = Field(default=None, description="JSON Schema that the input of a job must fit")
    modules: dict[str, ModuleRules]

    def parents(self, module: str) -> list[str]:
        """Modules with a way ahead to this one, in the order of the declaration."""
        return [name for name, rules in self.modules.items() if any(edge.to == module for edge in rules.ahead)]


class ModuleStatus(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class ModuleState(BaseModel):
    """Where one module of one job stands."""

    status: ModuleStatus = ModuleStatus.WAITING
    round: int = Field(default=1, description="counts up when a way back leads here again")
    output: dict[str, Any] | None = None
    before: dict[str, Any] | None = Field(default=None, description="the output of the round before")
    back_from: str | None = Field(default=None, description="the module whose way back began this round")
    error: JobError | None = None
    started: Timestamp | None = None
    finished: Timestamp | None = None

    @property
    def settled(self) -> bool:
        return self.status in (ModuleStatus.DONE, ModuleStatus.SKIPPED)


class SinkState(BaseModel):
    """What became of the delivery of a job's result."""

    name: str
    delivered: Timestamp | None = None
    error: str | None = None


class GraphRun(BaseModel):
    """A job's way through its graph; stored in `graph_jobs` and kept until somebody removes it.

    `modules` has an entry for each module that was touched. `back` counts how often each way back was taken
    (`"from:to"`). `attempt` is the job's attempt that may write here.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")  # the store refuses them by name; null would pass unseen

    run_id: str
    graph: Graph
    start: list[str]
    input: dict[str, Any] = Field(default_factory=dict)
    sink: SinkState | None = None
    attempt: int = 0
    modules: dict[str, ModuleState] = Field(default_factory=dict)
    back: dict[str, int] = Field(default_factory=dict)
    result: dict[str, Any] | None = Field(default=None, description="by module: the outputs where the graph ended")
    created: Timestamp = Field(default_factory=utc_now)


class ModuleView(ModuleState):
    """A module's state as it is shown."""

    seconds: float | None = Field(default=None, description="of the last try; of a running one: so far")
    queue: str


class GraphJob(BaseModel):
    """A graph job as it is shown: the job's record and its way through the graph in one."""

    job_id: str
    run_id: str
    graph: str
    status: JobStatus
    progress: float
    current_step: str
    attempts: int
    input: dict[str, Any]
    declaration: Graph = Field(description="the graph as it was when the job was started")
    modules: dict[str, ModuleView]
    result: dict[str, Any] | None = None
    error: JobError | None = None
    sink: SinkState | None = None
    created: Timestamp
    started: Timestamp | None = None
    finished: Timestamp | None = None


class GraphSubmission(BaseModel):
    """What starts a graph job."""

    model_config = ConfigDict(extra="forbid")

    input: dict[str, Any] = Field(default_factory=dict, description="fields of the input of the first module")
    start_module: str | None = Field(default=None, description="begin here instead of where the graph begins")
    sink: str | None = Field(default=None, max_length=200, description="name of a saved `Graph Sink`")


class GraphResult(BaseModel):
    """What a finished graph gives back."""

    job_id: str
    graph: str
    result: dict[str, Any] = Field(description="by module: the outputs where the graph ended")
    skipped: list[str] = Field(default_factory=list[str])


class QueueState(BaseModel):
    """How much stands before one module, over all graphs, or in one queue of jobs."""

    queue: str = Field(examples=["queue:intent_validator"])
    module: str | None = Field(default=None, description="null for a queue of jobs")
    graphs: list[str] = Field(default_factory=list[str])
    waiting: int = Field(default=0, description="jobs that are ready and wait for a place")
    running: int = 0


class GraphSummary(BaseModel):
    """A graph in a list. One that cannot be used says why."""

    name: str
    description: str = ""
    modules: list[str] = Field(default_factory=list[str])
    source: str = ""
    error: str | None = None


def queue_of(module: str) -> str:
    return f"queue:{module}"
