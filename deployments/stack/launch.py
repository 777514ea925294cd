"""Starts one part's process: its user, its folder, its log, its bond with the supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

from deployments.stack.environment import settled
from deployments.stack.gate import GATE_MARK
from deployments.stack.home import Home
from deployments.stack.logs import open_log
from deployments.stack.parts import HELD_FOLDER, Part
from deployments.stack.processes import PART_MARK, STACK_MARK, begin_child

_PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""What a program of somebody else is told about the world: no key of a model provider is among it."""


async def launch(
    part: Part, home: Home, environment: Mapping[str, str], stack_id: str, *, held: bool = False
) -> asyncio.subprocess.Process:
    """The started process: leader of its own session, its output appended to the part's log.

    It is marked in its environment, and ends with the supervisor however that ends. Where `held`, it waits at its gate
    for a line on its input (`deployments.stack.gate`). Raises OSError when the program cannot be started.
    """
    told = {**environment, GATE_MARK: "1"} if held else {**environment, **settled(home)}
    log = open_log(home.log_of(part.name))
    folder = os.open(part.held_folder, os.O_RDONLY | os.O_DIRECTORY) if part.held_folder else None
    try:
        return await asyncio.create_subprocess_exec(
            *_argv(part, folder),
            stdin=asyncio.subprocess.PIPE if held else asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(part, told, stack_id),
            cwd=part.folder or "/",
            start_new_session=True,
            pass_fds=() if folder is None else (folder,),
            preexec_fn=begin_child(part.death_signal, part.niceness),
            **_as_user(part),
        )
    finally:
        os.close(log)
        if folder is not None:
            os.close(folder)


def _argv(part: Part, folder: int | None) -> list[str]:
    if folder is None:
        return list(part.argv)
    return [word.replace(HELD_FOLDER, f"/proc/self/fd/{folder}") for word in part.argv]


def _environment(part: Part, environment: Mapping[str, str], stack_id: str) -> dict[str, str]:
    given = {name: environment[name] for name in _PLAIN if name in environment} if part.bare else environment
    return {**given, **part.env, STACK_MARK: stack_id, PART_MARK: part.name}


def _as_user(part: Part) -> dict[str, Any]:
    if part.account is None:
        return {}
    return {"user": part.account.uid, "group": part.account.gid, "extra_groups": []}


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal every process of the part's group; does nothing when they have all ended."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return
