"""Backlog cards: what a coding agent is asked to do, how it is verified, and what became of it.

Numbers that people write are strict: `true` would be a priority of 1.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from spine.contracts.timestamps import Timestamp, utc_now

MOST_CARDS = 2_000
"""In one backlog."""


class CardStatus(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    FAILED = "FAILED"
    BLOCKED = "BLOCKED"
    """A card that it depends on did not come to DONE. A later run of the backlog takes it up again."""


def _card_id(value: str) -> str:
    # The id names a folder and a git branch as well.
    if ".." in value or value.endswith((".", ".lock")):
        raise ValueError("must not contain '..' and not end with '.' or '.lock'")
    return value


CardId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"), AfterValidator(_card_id)]
AgentName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Name of a preset or of a saved `Agent Command` block."""

Line = Annotated[str, Field(min_length=1, max_length=2_000)]


def _inside_the_workdir(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\0" in value or value.strip() in ("", "."):
        raise ValueError("must be a path inside the working directory")
    return value


class Check(BaseModel):
    """A command that says whether the work is right: exit code 0 within the time limit."""

    model_config = ConfigDict(extra="forbid")

    argv: list[Annotated[str, Field(max_length=10_000)]] = Field(min_length=1, max_length=200)
    timeout: float = Field(default=300.0, strict=True, gt=0, le=1_800, description="seconds")

    @field_validator("argv")
    @classmethod
    def _names_a_program(cls, argv: list[str]) -> list[str]:
        if not argv[0].strip() or any("\0" in word for word in argv):
            raise ValueError("must begin with a program and hold no NUL")
        return argv


class Card(BaseModel):
    """One piece of work as a backlog states it."""

    model_config = ConfigDict(extra="forbid")

    card_id: CardId
    title: str = Field(min_length=1, max_length=300)
    description: str = Field(default="", max_length=100_000)
    squad: str = Field(default="", max_length=100)
    priority: int = Field(default=5, strict=True, ge=0, le=9, description="9 goes first")
    acceptance: list[Line] = Field(default_factory=list[str], max_length=100)
    depends_on: list[CardId] = Field(default_factory=list[str], max_length=100, description="cards to be DONE before")
    agent: AgentName | None = Field(default=None, description="else the first rule that matches, else the default")
    labels: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default_factory=list[str], max_length=50)
    repository: str | None = Field(
        default=None, max_length=4_096, description="path of a git repository; the card gets a worktree of it"
    )
    checks: list[Check] = Field(default_factory=list[Check], max_length=50)
    required_files: list[Annotated[str, AfterValidator(_inside_the_workdir)]] = Field(
        default_factory=list[str], max_length=200, description="paths that the work has to leave behind"
    )


class CardRecord(Card):
    """A card as it is stored in `cards`. `job_id` is its latest run, which holds the card until that job has ended."""

    model_config = ConfigDict(extra="ignore")

    status: CardStatus = CardStatus.PENDING
    reason: str = Field(default="", description="why it is FAILED or BLOCKED, or what was not checked")
    job_id: str | None = None
    created: Timestamp = Field(default_factory=utc_now)
    updated: Timestamp = Field(default_factory=utc_now)

    @property
    def definition(self) -> Card:
        return Card.model_validate(self.model_dump(include=set(Card.model_fields)))


class ProcessRecord(BaseModel):
    """Which process an attempt started, written before that process does anything."""

    pid: int
    start_time: int
    boot_id: str
    pgid: int
    sid: int
    run_id: str = ""


class CardOutcome(BaseModel):
    """How a run ended for its card. Written before the job's own end, so that a crash between the two is made up."""

    status: CardStatus
    reason: str = ""
    result: dict[str, Any] = Field(default_factory=dict[str, Any])
    error_class: str = ""


class CardRun(BaseModel):
    """What one run of a card left behind; stored in `card_runs` under the id of its job."""

    job_id: str
    card_id: str
    begun: Timestamp = Field(description="start of the latest attempt; only that attempt may write here")
    attempt: int = 1
    asked: Timestamp = Field(default_factory=utc_now, description="when the job was put to work, first or again")
    closed: bool = Field(default=False, description="a later run has taken the card over")
    agent: str = ""
    agent_reason: str = Field(default="", description="why this agent")
    process: ProcessRecord | None = Field(default=None, description="a process that may still live")
    workdir: str = ""
    logs: list[str] = Field(default_factory=list[str], description="compressed logs, one for each attempt")
    last_lines: list[str] = Field(default_factory=list[str])
    outcome: CardOutcome | None = None
    created: Timestamp = Field(default_factory=utc_now)


class AgentRule(BaseModel):
    """Chooses an agent for the cards that fit everything that is given here."""

    model_config = ConfigDict(extra="forbid")

    agent: AgentName
    squad: str | None = None
    labels: list[str] = Field(default_factory=list[str], description="the card has all of them")
    title: str | None = Field(default=None, max_length=300, description="pattern with * and ?, in any case of letters")


class AgentPolicy(BaseModel):
    """Who works on which card, and which failures are worth another try. One per stack, in `card_policies`."""

    model_config = ConfigDict(extra="forbid")

    default_agent: AgentName = "echo-agent"
    rules: list[AgentRule] = Field(default_factory=list[AgentRule], max_length=200, description="the first that fits")
    retryable_exits: list[Annotated[int, Field(strict=True, ge=0, le=255)]] = Field(
        default=[69, 75, 137, 143],
        description="exit codes (128 + signal for an agent that was killed from outside) that are tried again",
    )
    max_retries: int = Field(default=3, strict=True, ge=0, le=3)
    retry_delay: float = Field(
        default=60.0, strict=True, gt=0, le=3_600, description="seconds before the first retry, then doubled"
    )


class CheckOutcome(BaseModel):
    """What one check command came to."""

    argv: list[str]
    passed: bool
    exit_code: int | None = None
    seconds: float = 0.0
    reason: str = ""
    last_lines: list[str] = Field(default_factory=list[str])


class Verification(BaseModel):
    """What was looked at after the agent had ended, and what it showed."""

    passed: bool
    checks: list[CheckOutcome] = Field(default_factory=list[CheckOutcome])
    missing_files: list[str] = Field(default_factory=list[str])
    note: str = ""


class CardResult(BaseModel):
    """What a run that came to DONE gives back; also the job's result."""

    card_id: str
    job_id: str
    status: CardStatus
    agent: str
    agent_reason: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    workdir: str = ""
    log: str = Field(default="", description="the compressed log of the last attempt")
    lines: int = 0
    verification: Verification
    agent_result: dict[str, Any] | None = Field(default=None, description="the agent's own final event")


Mode = Literal["sequence", "parallel", "groups", "dependencies"]


class BacklogOrder(BaseModel):
    """How a backlog is to be run."""

    model_config = ConfigDict(extra="forbid")

    squad: str | None = Field(default=None, max_length=100, description="only its cards")
    mode: Mode = Field(
        default="dependencies",
        description="sequence: one after the other; parallel: in order, several at once; groups: wave by wave; "
        "dependencies: each as soon as what it depends on is done",
    )
    concurrency: int = Field(default=4, strict=True, ge=1, le=64)


class CardLine(BaseModel):
    """Where one card of a backlog run stands."""

    card_id: str
    title: str = ""
    status: CardStatus
    reason: str = ""
    job_id: str | None = None


class BacklogResult(BaseModel):
    """What a finished run of a backlog gives back."""

    total: int
    done: int = 0
    failed: int = 0
    blocked: int = 0
    items: list[CardLine] = Field(default_factory=list[CardLine])


class LoadReport(BaseModel):
    """What loading a backlog changed."""

    loaded: int
    created: list[str] = Field(default_factory=list[str])
    changed: list[str] = Field(default_factory=list[str], description="with a new definition; PENDING unless they run")
    unchanged: list[str] = Field(default_factory=list[str])
