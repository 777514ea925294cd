"""Supervises a small stack that a JSON file describes: the tests' stand-in for `millrace supervise`."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

from deployments.cli.stack_display import Display
from deployments.stack.control import supervise
from deployments.stack.home import Home
from deployments.stack.parts import Kind, LacksAnotherError, LaneGroup, Life, Part, Plan, StopRank
from spine.errors import MillraceError

IDLE = "import time\nwhile True: time.sleep(1)"


def part_of(described: dict, home: Path) -> Part:
    """A part that runs the described Python text; `ready` names a file that means "healthy", `lacking`
    one that means "it answers, and lacks what somebody else runs"."""
    part = Part(
        name=described["name"],
        argv=(sys.executable, "-c", described.get("script", IDLE)),
        kind=Kind(described.get("kind", "service")),
        env={"HOME_FOLDER": str(home), "NAME": described["name"]},
        needs=tuple(described.get("needs", ())),
        early_needs=early_needs_of(described),
        stop_rank=StopRank(described.get("rank", "faces")),
        probe_every=0.2,
        probe_patience=described.get("patience", 2),
        stop_seconds=described.get("stop_seconds", 5.0),
        start_seconds=described.get("start_seconds", 10.0),
        memory_limit=described.get("memory_limit"),
        retire_seconds=5.0,
    )
    lacking = home / described.get("lacking", "nothing is said to be lacking")
    return replace(part, probe=file_exists(home / described["ready"], lacking)) if "ready" in described else part


def early_needs_of(described: dict) -> tuple[str, ...] | None:
    return tuple(described["early"]) if "early" in described else None


def file_exists(path: Path, lacking: Path):
    async def probe(life: Life) -> None:
        if lacking.exists():
            with (path.parent / "asked").open("a") as asked:
                asked.write("?")
            raise LacksAnotherError(f"{lacking.name} is away")
        if not path.exists():
            raise FileNotFoundError(f"{path.name} is not there")

    return probe


def lanes_of(described: dict, home: Path) -> LaneGroup:
    return LaneGroup(
        name=described["name"],
        queues=(described["name"],),
        minimum=described["minimum"],
        maximum=described["maximum"],
        make=lambda name: part_of({"kind": "lane", "rank": "lanes", **described, "name": name}, home),
        needs=tuple(described.get("needs", ())),
        early_needs=early_needs_of(described),
        per_lane=1,
    )


def main() -> int:
    home, plan = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    async def depth() -> dict[str, int]:
        return json.loads((home / "depth.json").read_text())

    made = Plan(
        parts=tuple(part_of(part, home) for part in plan["parts"]),
        lanes=tuple(lanes_of(lane, home) for lane in plan.get("lanes", ())),
        environment={"PATH": "/usr/bin:/bin"},
    )
    try:
        return supervise(Home(home), lambda _ports: made, queue_depth=depth, on_change=Display("", live=False).show)
    except MillraceError as error:
        print(error.message, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
