"""Hostile pages and canaries run through the same flows, worlds and Prefect server as the flow tests."""

from __future__ import annotations

from tests.flows.conftest import demo_world, make_world, prefect_server

__all__ = ["demo_world", "make_world", "prefect_server"]
