"""The keeper: a small process that stands between a lane and one agent and ends everything the agent started.

Run as a script, with nothing but the standard library and `keeper_kernel`: `python -I -S agent_keeper.py FD NAME`. FD
is one end of a socket pair; messages are JSON lines.

    lane → keeper   the order (`Order`), then `{"go": true}`, then perhaps `{"end": reason}`
    keeper → lane   `{"ready": pid}`, `{"failed": errno, "message"}` or at last `{"exit": {…}}`

The keeper is a *subreaper*: whatever the agent's processes leave behind, in whatever group or session, becomes the
keeper's child. When it has no child left, nothing is left. The agent waits for `go` before it becomes its program, and
dies with the keeper; the keeper ends the agent when the lane's end of the socket closes, so a lane that is killed
leaves no agent running unobserved.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from types import FrameType
from typing import Any

if __name__ == "__main__":  # started as a script, with nothing of its surroundings on the path
    sys.path.append(__file__.rpartition("/spine/")[0])

from spine.adapters.keeper_kernel import (
    Order,
    adopt_orphans,
    ask_all_to_end,
    become_agent,
    descendants,
    kill_all,
    let_go_of_the_pipes,
    proportional_bytes,
    resident_bytes,
)

_MEMORY_EVERY = 0.5
_LONGEST_PAUSE = 60.0
_SWEEP_EVERY = 0.1


class Keeper:
    """One agent, from its fork to the end of its last descendant."""

    def __init__(self, lane: socket.socket) -> None:
        self._lane = lane
        self._heard = b""
        self._unread: list[dict[str, Any]] = []
        self._lane_gone = False
        self._order: Order = {}
        self._agent = 0
        self._status: int | None = None
        self._reason = ""
        self._kill_at = float("inf")
        self._peak_memory = 0
        self._began = 0.0
        self._nothing_left = False
        self._next_look = 0.0
        self.cancelled = False

    def run(self) -> None:
        wakeup = _wake_on_signals(self)
        adopt_orphans()
        order = self._await("argv")
        if order is None:
            return
        self._order = order
        gate, failure = self._fork(order)
        self._say({"ready": self._agent})
        if self._await("go") is None:
            gate.close()  # the lane died before it had recorded the agent: the agent sees this and does nothing
            return
        with contextlib.suppress(OSError), gate:  # who was killed while it waited is reaped below
            gate.sendall(b"g")
        let_go_of_the_pipes()
        if self._exec_failed(failure):
            return
        self._began = time.monotonic()
        self._follow(wakeup)
        self._say({"exit": self._report()})

    # -- the lane ------------------------------------------------------------------------------------------------

    def _await(self, key: str) -> dict[str, Any] | None:
        """The message with `key`; None when the lane has gone."""
        while True:
            for place, message in enumerate(self._unread):
                if key in message:
                    return self._unread.pop(place)  # an end that was said in the same breath stays for `_follow`
            if self._lane_gone:
                return None
            self._unread += self._hear()

    def _hear(self) -> list[dict[str, Any]]:
        """What the lane has said; notes when it has gone."""
        try:
            data = self._lane.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._lane_gone = True
            return []
        *lines, self._heard = (self._heard + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more; the agent is ended all the same
            self._lane.sendall(json.dumps(message).encode() + b"\n")

    # -- the agent -----------------------------------------------------------------------------------------------

    def _fork(self, order: Order) -> tuple[socket.socket, socket.socket]:
        """Fork the process that will become the agent: our ends of its gate and of its last words."""
        gate, its_gate = socket.socketpair()
        failure, its_failure = socket.socketpair()
        keeper = os.getpid()
        self._agent = os.fork()
        if self._agent == 0:
            for ours in (gate, failure, self._lane):
                ours.close()
            become_agent(order, keeper, its_gate, its_failure)
        its_gate.close()
        its_failure.close()
        return gate, failure

    def _exec_failed(self, failure: socket.socket) -> bool:
        """Whether the program could not be started; the socket closes when it could."""
        words = failure.recv(4096)
        failure.close()
        if words:
            os.waitpid(self._agent, 0)
            self._say(json.loads(words))
        return bool(words)

    def _follow(self, wakeup: socket.socket) -> None:
        poll = select.poll()
        poll.register(wakeup, select.POLLIN)
        poll.register(self._lane, select.POLLIN)
        self._end_as_told(self._unread)
        while not self._nothing_left:
            for fd, _ in poll.poll(1000 * self._pause()):
                if fd == wakeup.fileno():
                    wakeup.recv(4096)
                    continue
                self._end_as_told(self._hear())
                if self._lane_gone:
                    poll.unregister(self._lane)
                    self._end("lane-gone")
            if self.cancelled:
                self._end("cancelled")
            self._reap()
            self._judge(time.monotonic())

    def _end_as_told(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            self._end(str(message.get("end", "cancelled")))

    def _pause(self) -> float:
        """Seconds until something has to be done, if nothing happens before."""
        order, now = self._order, time.monotonic()
        deadlines = [self._began + order["hard_seconds"], self._kill_at]
        if self._kill_at <= now:
            deadlines = [now + _SWEEP_EVERY]
        elif not self._reason:
            deadlines.append(self._began + order["soft_seconds"])
            if order["memory_bytes"]:
                deadlines.append(self._next_look)
        return min(max(0.0, min(deadlines) - now), _LONGEST_PAUSE)

    def _reap(self) -> None:
        """Collect whoever has ended. The kernel's word that there is no child left is the proof of the end."""
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._agent:
                    self._status = found[1]
        except ChildProcessError:
            self._nothing_left = True

    def _judge(self, now: float) -> None:
        order = self._order
        if self._nothing_left:
            return
        if now >= self._began + order["hard_seconds"] and now < self._kill_at:
            self._reason = "hard-limit" if self._reason in ("", "soft-limit") else self._reason
            self._kill_at = now
        elif not self._reason:
            self._look_for_a_reason(now)
        if now >= self._kill_at:
            kill_all()

    def _look_for_a_reason(self, now: float) -> None:
        order = self._order
        if self._status is not None:
            self._end("exited", order["linger_seconds"])  # it has ended; what it left behind may tidy up, shortly
        elif now >= self._began + order["soft_seconds"]:
            self._end("soft-limit")
        elif order["memory_bytes"] and now >= self._next_look:
            self._next_look = now + _MEMORY_EVERY
            if self._memory(order["memory_bytes"]) > order["memory_bytes"]:
                self._end("memory", 0)

    def _memory(self, limit: int) -> int:
        """Bytes used by all of them; the exact figure is costly and only asked for when the rough one is too high."""
        everyone = descendants()
        used = sum(map(resident_bytes, everyone))
        if used > limit:
            used = sum(map(proportional_bytes, everyone))
        self._peak_memory = max(self._peak_memory, used)
        return used

    def _end(self, reason: str, grace: float | None = None) -> None:
        if not self._reason:
            self._reason = reason
            self._begin_ending(grace)

    def _begin_ending(self, grace: float | None = None) -> None:
        seconds = self._order.get("grace_seconds", 0) if grace is None else grace
        self._kill_at = min(self._kill_at, time.monotonic() + seconds)
        if seconds > 0:
            # The number of an agent that was collected may already name a stranger's group.
            ask_all_to_end(self._agent if self._status is None else None)

    def _report(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = os.waitstatus_to_exitcode(self._status) if self._status is not None else None
        peak = max(self._peak_memory, used.ru_maxrss * 1024)
        return {
            "code": code if code is not None and code >= 0 else None,
            "signal": -code if code is not None and code < 0 else None,
            "reason": _explained(self._reason or "exited", code, peak, self._order["memory_bytes"]),
            "seconds": time.monotonic() - self._began,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "peak_rss_bytes": peak,
        }


def _explained(reason: str, code: int | None, peak: int, limit: int | None) -> str:
    """An agent that a resource limit stopped ends by itself, with a signal or an error of its own."""
    if reason != "exited" or not code:
        return reason
    if code == -signal.SIGXCPU:
        return "cpu"
    if code == -signal.SIGXFSZ:
        return "file-size"
    return "memory" if limit and peak >= limit else reason


def _wake_on_signals(keeper: Keeper) -> socket.socket:
    """Signals interrupt the wait: SIGCHLD to look who ended, SIGTERM to end the agent; a terminal's are not for us."""
    heard, written = socket.socketpair()
    written.setblocking(False)
    heard.setblocking(True)
    signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    _keep_open.append(written)

    def nothing(number: int, frame: FrameType | None) -> None:
        """Waking up is all there is to it."""

    def cancel(number: int, frame: FrameType | None) -> None:
        keeper.cancelled = True

    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, nothing)
    signal.signal(signal.SIGTERM, cancel)
    return heard


_keep_open: list[socket.socket] = []


if __name__ == "__main__":
    _lane = socket.socket(fileno=int(sys.argv[1]))
    _lane.set_inheritable(False)
    Keeper(_lane).run()
