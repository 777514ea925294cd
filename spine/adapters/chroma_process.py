"""Runs a Chroma server for the process that started it: `FOLDER PORT`. Ends when its standard input does.

That is how it ends with its owner even when the owner is killed.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Final

import chromadb_rust_bindings

from spine.adapters.chroma_folder import hold_folder

IN_USE: Final = 4
"""Exit status when another server has the folder."""


def main(folder: str, port: str) -> int:
    if hold_folder(Path(folder), f"http://127.0.0.1:{port}") is None:
        return IN_USE
    threading.Thread(target=_end_with_owner, daemon=True).start()
    argv = ["chroma", "run", "--path", folder, "--host", "127.0.0.1", "--port", port]
    chromadb_rust_bindings.cli(argv)  # pyright: ignore[reportAttributeAccessIssue]
    return 1


def _end_with_owner() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # every write that was answered is durable; the server has no way to be asked


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
