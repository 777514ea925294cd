"""Runs Chroma's server without importing its client, which would cost two seconds: `run --path … --port N`."""

from __future__ import annotations

import sys

import chromadb_rust_bindings


def main() -> None:
    chromadb_rust_bindings.cli(["chroma", *sys.argv[1:]])  # pyright: ignore[reportAttributeAccessIssue]


if __name__ == "__main__":
    main()
