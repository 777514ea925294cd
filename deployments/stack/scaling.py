"""How many lanes the load asks for: up at once, down slowly."""

from __future__ import annotations

from math import ceil

from spine.errors import InvalidInputError

CALM_SECONDS = 30.0
"""How long the load must have been low before a lane is given up: shorter than a review, longer than a gap."""


def wanted_lanes(
    pending: int,
    running: int,
    lanes_now: int,
    minimum: int,
    maximum: int,
    per_lane: int,
    calm_seconds: float = 0.0,
) -> int:
    """Lanes that should run, in `minimum…maximum`.

    `pending` and `running` count jobs (a source that cannot tell them apart reports all as pending), `per_lane` how
    many one lane runs at a time, `calm_seconds` for how long fewer lanes would have been enough. Growth is immediate
    and goes straight to what is needed; shrinking gives up one lane at a time, after `CALM_SECONDS` of calm, and only
    when the remaining lanes would be at most three quarters full.
    """
    now = min(max(lanes_now, minimum), maximum)
    needed = ceil((pending + running) / max(per_lane, 1))
    if needed > now:
        return min(needed, maximum)
    if is_calm(pending + running, now, per_lane) and calm_seconds >= CALM_SECONDS:
        return max(now - 1, minimum)
    return now


def is_calm(load: int, lanes_now: int, per_lane: int) -> bool:
    """Whether one lane fewer would be at most three quarters full."""
    return load <= (lanes_now - 1) * per_lane * 0.75


def parse_range(text: str) -> tuple[int, int]:
    """`1..4` or `2` (both ends); `InvalidInputError` otherwise."""
    low, dots, high = text.partition("..")
    try:
        minimum, maximum = int(low), int(high if dots else low)
    except ValueError:
        minimum, maximum = 0, 0
    if not 1 <= minimum <= maximum:
        raise InvalidInputError(f"--lanes (MILLRACE_LANE_RANGE) takes a number or a range such as 1..4, not {text!r}.")
    return minimum, maximum


def parse_dedicated(texts: list[str]) -> dict[str, tuple[str, ...]]:
    """`NAME=queue1,queue2` each; `InvalidInputError` when one is not of that form or a name is taken."""
    lanes: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, listed = (piece.strip() for piece in text.partition("="))
        queues = tuple(queue.strip() for queue in listed.split(",") if queue.strip())
        if not queues or not name.replace("-", "").replace("_", "").isalnum():
            raise InvalidInputError(f"--lane (MILLRACE_LANES) takes NAME=queue1,queue2, not {text!r}.")
        if name in lanes or name in ("pipelines", "live"):
            raise InvalidInputError(f"There already is a lane {name!r}: give the dedicated lane another name.")
        lanes[name] = queues
    return lanes
