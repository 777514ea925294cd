"""Typed Prefect blocks: credentials and connections, secrets hidden; each hands out what its adapter needs."""
