"""The demo: its own small site on loopback and one review of the invented book it describes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from deployments.demo_site import FOLDER
from spine.errors import ExternalServiceError

PORT_VARIABLE = "MILLRACE_DEMO_PORT"
IDEMPOTENCY_KEY = "demo-review-1"
FINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED", "DEAD"})


class _QuietPages(SimpleHTTPRequestHandler):
    """Static pages without a log line per request."""

    def log_message(self, format: str, *args: Any) -> None:
        return


def serve() -> None:
    """Serve the demo pages on loopback until the process is ended; the port comes from `MILLRACE_DEMO_PORT`."""
    address = ("127.0.0.1", int(os.environ[PORT_VARIABLE]))
    with ThreadingHTTPServer(address, partial(_QuietPages, directory=str(FOLDER))) as server:
        server.serve_forever()


def submission_body(port: int) -> dict[str, Any]:
    """What the demo submits: a product page and three links, all of the demo's own site."""
    base = f"http://127.0.0.1:{port}"
    return {
        "amazon_url": f"{base}/product.html",
        "goodreads_url": f"{base}/community.html",
        "author_site": f"{base}/author.html",
        "other_links": [f"{base}/review.html"],
    }


def run_demo(
    client: httpx.Client, port: int, on_progress: Callable[[float, str], None], patience: float = 120.0
) -> dict[str, Any]:
    """Submit the demo review through the gateway and follow it to its end; on a second start it finds the first.

    Returns the finished job and its article: `{job, submission_id, title, word_count}`.
    """
    answer = client.post("/submit", json=submission_body(port), headers={"Idempotency-Key": IDEMPOTENCY_KEY})
    answer.raise_for_status()
    submission_id, job_id = answer.json()["submission_id"], answer.json()["job_id"]
    if client.get(f"/api/jobs/{job_id}").raise_for_status().json()["status"] in FINAL - {"SUCCESS"}:
        # An earlier start ended before its review did: the key finds that one, so it is run again.
        job_id = _latest_run(client, submission_id)
    job = _follow(client, job_id, on_progress, time.monotonic() + patience)
    if job["status"] != "SUCCESS":
        reason = (job.get("error") or {}).get("message", "no reason was recorded")
        raise ExternalServiceError(f"the demo review ended as {job['status']}: {reason}")
    article = client.get(f"/submissions/{submission_id}/article").raise_for_status().json()
    return {
        "job": job,
        "submission_id": submission_id,
        "title": article["title"],
        "word_count": article["word_count"],
    }


def _latest_run(client: httpx.Client, submission_id: str) -> str:
    """The latest job of the submission, started anew when it has failed."""
    latest: str = client.get(f"/submissions/{submission_id}").raise_for_status().json()["job_id"]
    if client.get(f"/api/jobs/{latest}").raise_for_status().json()["status"] not in FINAL - {"SUCCESS"}:
        return latest
    return client.post(f"/tasks/{submission_id}/retry").raise_for_status().json()["job_id"]


def _follow(
    client: httpx.Client, job_id: str, on_progress: Callable[[float, str], None], deadline: float
) -> dict[str, Any]:
    while True:
        job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").raise_for_status().json()
        on_progress(float(job["progress"]), job["current_step"] or job["status"].lower())
        if job["status"] in FINAL:
            return job
        if time.monotonic() > deadline:
            raise ExternalServiceError(
                f"the demo review is still {job['status']}; watch it with: millrace watch {job_id}"
            )
        time.sleep(0.2)
