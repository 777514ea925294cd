"""The editor's path on a whole stack: approve, be told what is missing, configure it, see the post appear."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployments.demo_site import FOLDER
from spine.publishing_port import SiteLogin
from tests.stack.whole_stack import WholeStack

pytestmark = [pytest.mark.wordpress, pytest.mark.timeout(400)]

SAVE_BLOCK = """
import asyncio, os
from blocks.wordpress_site import WordPressSite
async def save():
    block = WordPressSite(url=os.environ["SITE_URL"], username=os.environ["SITE_USER"],
                          application_password=os.environ["SITE_PASSWORD"])
    await block.save("default", overwrite=True)
asyncio.run(save())
"""


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(FOLDER)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, pages: str) -> Iterator[WholeStack]:
    made = WholeStack(tmp_path_factory.mktemp("desk") / "home", MILLRACE_ALLOW_PRIVATE_HOSTS=pages)
    try:
        made.command("up", "--no-demo", timeout=240)
        yield made
    finally:
        made.close()


def test_an_approval_waits_for_its_site_and_then_becomes_a_post(
    stack: WholeStack, pages: str, login: SiteLogin, tmp_path: Path
) -> None:
    accepted = stack.submit(f"http://{pages}/product.html", other_links=[f"http://{pages}/review.html"])
    assert stack.ended(accepted["job_id"])["status"] == "SUCCESS"
    address = f"/submissions/{accepted['submission_id']}"

    refused = stack.http.post(f"{address}/approve")
    assert refused.status_code == 409 and "WordPress Site" in refused.json()["detail"]
    assert stack.http.get(address).json()["status"] == "approved"

    password = login.application_password.get_secret_value()
    subprocess.run(
        [sys.executable, "-c", SAVE_BLOCK],
        env={
            **stack.environment,
            **stack.json("env"),
            "SITE_URL": login.url,
            "SITE_USER": login.username,
            "SITE_PASSWORD": password,
        },
        check=True,
        timeout=60,
    )
    stack.wait(lambda: stack.http.get(address).json()["status"] == "published", "the publication", within=90)
    article = stack.http.get(f"{address}/article").json()
    assert article["post_id"] and article["post_url"].startswith(login.url)

    again = stack.http.post(f"{address}/approve")
    assert again.status_code == 409, "what is published needs no approval"
    for path in (stack.home / "logs").rglob("*.log"):
        assert password not in path.read_text(errors="replace"), path
