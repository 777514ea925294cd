"""How the stack is to be laid out: command-line choices over `MILLRACE_*` variables over defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from deployments.stack.scaling import parse_dedicated, parse_range
from deployments.unusable_setting import unusable_setting
from spine.processors import cores

_LIVE_LANES = 2
"""A lane fills one core; beyond two, Prefect's server is the limit (docs/capacity.md)."""


class LaneSettings(BaseSettings):
    """How many lanes there are, and how large (`MILLRACE_LANE_RANGE`, `MILLRACE_LIVE_LANES`, `MILLRACE_LANES`, …)."""

    model_config = SettingsConfigDict(env_prefix="MILLRACE_", env_ignore_empty=True, extra="ignore")

    lane_range: str = Field("1..2", description="how many pipeline lanes: a number, or minimum..maximum")
    live_lanes: int = Field(0, ge=0, description="how many lanes answer messages; 0: one per core, at most two")
    lanes: str = Field("", description="dedicated lanes: NAME=queue1,queue2, several separated by ;")
    lane_max_jobs: int = Field(500, ge=0, description="a lane ends and is replaced after so many jobs; 0: never")
    lane_memory_mb: int = Field(1500, ge=100, description="a lane is drained and replaced above this")


@dataclass(frozen=True, slots=True)
class LaneLayout:
    """Which lanes run."""

    minimum: int
    maximum: int
    dedicated: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    live: int = 1
    max_jobs: int = 500
    memory_limit: int = 1500 * 2**20


def lane_layout(lanes: str | None, dedicated: list[str], defaults: LaneSettings | None = None) -> LaneLayout:
    """The layout that `--lanes` and `--lane` ask for; `InvalidInputError` when they or a variable cannot be read."""
    given = defaults or _lane_settings()
    minimum, maximum = parse_range(lanes or given.lane_range)
    from_environment = [text for text in given.lanes.split(";") if text.strip()]
    return LaneLayout(
        minimum=minimum,
        maximum=maximum,
        live=given.live_lanes or min(cores(), _LIVE_LANES),
        dedicated=parse_dedicated(dedicated or from_environment),
        max_jobs=given.lane_max_jobs,
        memory_limit=given.lane_memory_mb * 2**20,
    )


def _lane_settings() -> LaneSettings:
    try:
        return LaneSettings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        raise unusable_setting(error) from error
