"""Nobody is shown a button that the gateway would refuse them."""

from __future__ import annotations

import re

import pytest

from tests.gateway.gateway_desk import Desk
from tests.gateway.test_access_tokens import made
from tests.gateway.test_accessibility import furnished

REFUSED = {"viewer": ("/settings", "/edit", "/rerun"), "editor": ("/settings",), "admin": ()}
"""Ends of addresses that are not for the role at all."""
ONLY_ADMINISTRATORS = ("/pipelines/", "/prompts", "/api/tokens", "/purge")


async def offered(desk: Desk, paths: list[str], role: str) -> set[str]:
    """Every address that some page sends something to."""
    async with desk.client() as admin:
        token = (await made(admin, role))["token"]
    found: set[str] = set()
    async with desk.client(token=token) as reader:
        for path in paths:
            answer = await reader.get(path)
            assert answer.status_code == (403 if path.endswith(REFUSED[role]) else 200), path
            found.update(re.findall(r'data-(?:send|bulk)="([^"]+)"', answer.text))
    return found


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
async def test_pages_offer_what_a_role_may_do(role: str) -> None:
    desk, paths = await furnished()
    found = await offered(desk, paths, role)
    administration = {address for address in found if any(part in address for part in ONLY_ADMINISTRATORS)}
    assert bool(found) is (role != "viewer")
    assert bool(administration) is (role == "admin")
