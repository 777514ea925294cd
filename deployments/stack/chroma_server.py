"""Chroma: somebody else's server (`MILLRACE_CHROMA_URL`) or one of our own on loopback. It has no password."""

from __future__ import annotations

import sys

from deployments.stack.health import http_answers
from deployments.stack.home import Home
from deployments.stack.parts import Kind, Part, Probe, StopRank
from deployments.stack.ports_choice import LOOPBACK


def chroma_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def chroma_part(home: Home, port: int) -> Part:
    """A server of our own, its collections in the home."""
    folder = home.root / "chroma"
    return Part(
        name="chroma",
        argv=(
            sys.executable, "-m", "deployments.stack.chroma_process",
            "run", "--path", str(folder), "--host", LOOPBACK, "--port", str(port),
        ),
        bare=True,
        env={"ANONYMIZED_TELEMETRY": "False", "NO_COLOR": "1"},
        probe=_heartbeat(chroma_url(port)),
        port=port,
        prepare=lambda: folder.mkdir(mode=0o700, exist_ok=True),
        stop_rank=StopRank.ORCHESTRATION,
        memory_limit=4000 * 2**20,
    )  # fmt: skip


def external_chroma(url: str) -> Part:
    """A server that somebody else runs: watched, neither started nor stopped."""
    return Part(
        name="chroma",
        argv=(),
        kind=Kind.EXTERNAL,
        probe=_heartbeat(url),
        note="MILLRACE_CHROMA_URL",
        start_seconds=10.0,
        stop_rank=StopRank.ORCHESTRATION,
    )


def _heartbeat(url: str) -> Probe:
    return http_answers(f"{url.rstrip('/')}/api/v2/heartbeat")
