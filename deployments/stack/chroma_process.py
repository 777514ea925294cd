"""Runs Chroma's server without importing its client, which would cost two seconds: `run --path … --port N`."""

from __future__ import annotations

import sys
from pathlib import Path

import chromadb_rust_bindings

from spine.adapters.chroma_folder import hold_folder, server_of


def main() -> None:
    """Ends with one line when another server uses the folder: two of them would spoil it."""
    argv = sys.argv[1:]
    folder = Path(argv[argv.index("--path") + 1])
    url = f"http://{argv[argv.index('--host') + 1]}:{argv[argv.index('--port') + 1]}"
    if hold_folder(folder, url) is None:
        sys.exit(f"{folder} is in use by the Chroma server at {server_of(folder)}; wait for the run that started it.")
    chromadb_rust_bindings.cli(["chroma", *argv])  # pyright: ignore[reportAttributeAccessIssue]


if __name__ == "__main__":
    main()
