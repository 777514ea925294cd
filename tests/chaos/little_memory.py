"""A control group so small that the kernel kills whoever works in it: memory runs out, and the machine has enough."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

_BYTES = 48 * 2**20
_ROOT = Path("/sys/fs/cgroup")


class LittleMemory:
    """Made when this begins, where control groups may be made; `folder` is None elsewhere."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        for parent, limit in ((_ROOT / "memory", "memory.limit_in_bytes"), (_ROOT, "memory.max")):
            folder = parent / f"millrace-chaos-{os.getpid()}"
            with suppress(OSError):
                if (parent / "cgroup.procs").exists():
                    folder.mkdir()
                    (folder / limit).write_text(str(_BYTES))
                    self.folder = folder
                    return
            with suppress(OSError):
                folder.rmdir()

    @property
    def kills(self) -> int:
        """How many processes the kernel has killed in it."""
        for name in ("memory.oom_control", "memory.events"):
            with suppress(OSError):
                if self.folder and (found := re.search(r"^oom_kill (\d+)", (self.folder / name).read_text(), re.M)):
                    return int(found[1])
        return 0

    def close(self) -> None:
        if self.folder is not None:
            with suppress(OSError):  # somebody is still in it
                self.folder.rmdir()
