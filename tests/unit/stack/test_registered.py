"""What `doctor` finds of the stack's registrations in Prefect."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments.stack.registered import missing
from spine.errors import ExternalServiceError

BLOCK = "/api/block_types/slug/stage-results/block_documents/name/millrace-results"
POOL = "/api/work_pools/millrace"
DEPLOYMENT = "/api/deployments/name/health_check/health-check"


@contextmanager
def prefect(answers: dict[str, int]) -> Iterator[str]:
    """A Prefect API that answers these paths with these statuses, and others with 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.get(self.path, 404))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.mark.parametrize(
    ("there", "gone"),
    [
        pytest.param([BLOCK, POOL, DEPLOYMENT], [], id="all of it"),
        pytest.param([POOL, DEPLOYMENT], ["the block of the results"], id="a deleted block"),
        pytest.param([], ["the block of the results", "the work pool", "the deployments"], id="an emptied database"),
    ],
)
def test_what_prefect_has_lost_is_named(there: list[str], gone: list[str]) -> None:
    with prefect(dict.fromkeys(there, 200)) as api:
        assert [what.partition(" (")[0] for what in missing(api, "user:password")] == gone


def test_a_prefect_that_fails_has_lost_nothing() -> None:
    with prefect({BLOCK: 500}) as api, pytest.raises(ExternalServiceError):
        missing(api, "user:password")
