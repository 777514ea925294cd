"""A module in a process of its own: `python -m tasks.module_graph.child`, one JSON in, one JSON out.

For modules that block, use much memory or may crash: at the time limit, or when the lane goes away, the process and
what it started are killed. It costs about two seconds for each try.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from spine import errors
from spine.error_texts import said
from spine.errors import ExternalServiceError, MillraceError, PermanentError, RetryableError
from spine.jobs import describe
from tasks.module_graph.discovery import module_of
from tasks.module_graph.worker import ModuleContext

_ROOT: Final = Path(__file__).resolve().parents[2]
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG
_LAST_WORDS: Final = 2000


async def run_in_child(folder: Path, context: ModuleContext, data: Mapping[str, Any]) -> dict[str, Any]:
    """The module's output. Raises what it raised, and `ExternalServiceError` when its process died without a word.

    Cancelling this kills the process.
    """
    order = {"folder": str(folder), "context": context.model_dump(), "data": dict(data), "parent": os.getpid()}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tasks.module_graph.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])},
    )
    try:
        said, complained = await child.communicate(json.dumps(order).encode())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await asyncio.shield(child.wait())
    return _outcome(context.module, child.returncode, said, complained)


def _outcome(module: str, code: int | None, said: bytes, complained: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        words = complained.decode(errors="replace").strip()[-_LAST_WORDS:]
        raise ExternalServiceError(
            f"The process of module {module} ended with {code}. {words}".strip(), service=module
        ) from None
    if "error" in answer:
        raise _as_error(answer["error"])
    return answer["output"]


def _as_error(told: Mapping[str, Any]) -> MillraceError:
    known = getattr(errors, str(told["class"]), None)
    if isinstance(known, type) and issubclass(known, MillraceError):
        return known(told["message"], **told["details"])
    kind = RetryableError if told["retryable"] else PermanentError
    return kind(f"{told['class']}: {told['message']}", **told["details"])


def main() -> None:
    """Read the order from stdin; the answer is alone on what was stdout, whatever the module prints."""
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    order = json.load(sys.stdin)
    _end_with(int(order["parent"]))
    try:
        answer: dict[str, Any] = {"output": asyncio.run(_work(order))}
    except BaseException as error:  # the lane takes a process without an answer for lost; no Ctrl-C reaches this one
        answer = {"error": _told(_translated(order["context"]["module"], error))}
    with answer_to:
        json.dump(answer, answer_to)


def _translated(module: str, error: BaseException) -> BaseException:
    """A lost connection may be tried again; the lane sees no more of it than this."""
    if isinstance(error, asyncio.CancelledError):  # the lane would kill the process
        return PermanentError(f"Module {module} cancelled itself.")
    if isinstance(error, ConnectionError | TimeoutError):
        return ExternalServiceError(f"{type(error).__name__}: {said(error)}")
    return error


def _told(error: BaseException) -> dict[str, Any]:
    details = error.details if isinstance(error, MillraceError) else {}
    return {
        **describe(error).model_dump(),
        "details": {name: value for name, value in details.items() if _is_json(value)},
    }


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _end_with(parent: int) -> None:
    """A lane that is killed takes this process with it. Where the system cannot do that, the time limit remains."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


async def _work(order: Mapping[str, Any]) -> dict[str, Any]:
    from tasks.opening import open_run_services

    context = ModuleContext.model_validate(order["context"])
    worker = module_of(Path(order["folder"]), context.module)
    async with open_run_services():
        return await worker(context).run(order["data"])


if __name__ == "__main__":
    main()
