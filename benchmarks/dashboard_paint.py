"""The dashboard in Chromium with 10,000 submissions stored: first paint of its pages, and from an event to the pixel.

First contentful paint is the browser's own word, in a new context for each load, so that nothing comes from its
cache. For event → pixel a job of the list is told to have got on, and the page notes when the frame after the change
of its bar was made. Publisher and page read the same clock.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, Page, async_playwright
from redis.asyncio import Redis

from benchmarks.frame.figures import Effort, Figure, Note, Outcome, at_most
from benchmarks.frame.turns import quantile
from benchmarks.surroundings.gateway_alone import TOKEN, Served, gateway_alone
from benchmarks.surroundings.own_redis import own_redis
from benchmarks.surroundings.stored_submissions import store_submissions
from spine.adapters.chromium_process import find_browser
from spine.adapters.redis_progress import RedisProgressLog
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.contracts.progress import ProgressEvent
from spine.contracts.submissions import SubmitRequest
from spine.documents import ensure_indexes
from spine.jobs import JobLedger
from spine.review_jobs import ReviewJobs

_PAGES = {"front page": "/", "list of submissions": "/reviews", "jobs": "/jobs"}
_BENCH = "dashboard, 10,000 submissions stored"
FIGURES = (
    *(Figure(_BENCH, f"first paint, {name}", "ms", at_most(1000)) for name in _PAGES),
    Figure(_BENCH, "event → pixel, p95", "ms", at_most(250)),
)

_FIRST_PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
  for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime);
}).observe({ type: "paint", buffered: true }))"""

_NOTE_PAINTS = """(job) => {
  window.painted = [];
  const bar = document.querySelector(`[data-job="${job}"]`);
  const note = () => {
    const shown = bar.querySelector("[data-step]").textContent;
    requestAnimationFrame(() => requestAnimationFrame(() => window.painted.push([shown, Date.now()])));
  };
  new MutationObserver(note).observe(bar, { subtree: true, childList: true, characterData: true });
}"""


def bench(effort: Effort) -> Outcome:
    found = find_browser(None)
    if found is None:
        return Outcome(missing={figure.name: "no Chromium is installed" for figure in FIGURES})
    return asyncio.run(_bench(effort, found))


async def _bench(effort: Effort, executable: Any) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder, own_redis() as redis_url:
        job_id = await _fill(Path(folder), effort.size(10_000, 1_000))
        with gateway_alone(Path(folder), redis_url) as gateway:
            async with async_playwright() as playwright:
                sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
                browser = await playwright.chromium.launch(executable_path=str(executable), args=sandbox)
                paints = {name: await _first_paints(browser, gateway, path, effort) for name, path in _PAGES.items()}
                latencies = await _pixels(browser, gateway, redis_url, job_id, effort.size(200, 20))
                await browser.close()
    values = {f"first paint, {name}": median(times) for name, times in paints.items()}
    notes = [Note("event → pixel, p50", quantile(latencies, 0.5), "ms")]
    return Outcome({**values, FIGURES[-1].name: quantile(latencies, 0.95)}, notes=notes)


async def _fill(home: Path, number: int) -> str:
    """So many submissions, and the newest of them with a job that runs; gives that job's id."""
    documents = open_sqlite_documents(home / "documents.sqlite3")
    try:
        await ensure_indexes(documents)
        await store_submissions(documents, number)
        ledger = JobLedger(documents)
        request = SubmitRequest(amazon_url="https://shop.example/dp/newest")
        _, job = await ReviewJobs(documents, ledger).submit(request)
        await ledger.begin(job.job_id, "bench")
        return job.job_id
    finally:
        await documents.close()


async def _first_paints(browser: Browser, gateway: Served, path: str, effort: Effort) -> list[float]:
    """Milliseconds; the first load, which makes the gateway compile its templates, does not count."""
    found: list[float] = []
    for _ in range(effort.reps + 1):
        page = await _logged_in(browser, gateway, path)
        found.append(float(await page.evaluate(_FIRST_PAINT)))
        await page.context.close()
    return found[1:]


async def _logged_in(browser: Browser, gateway: Served, path: str) -> Page:
    """The page in a context of its own, loaded after the login."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{gateway.url}/login")
    await page.get_by_label("Token", exact=True).fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_selector("nav")
    fresh = await browser.new_context(storage_state=await context.storage_state())
    await context.close()
    page = await fresh.new_page()
    await page.goto(f"{gateway.url}{path}")
    return page


async def _pixels(browser: Browser, gateway: Served, redis_url: str, job_id: str, events: int) -> list[float]:
    """Milliseconds from before the event is published to the frame that shows it."""
    page = await _logged_in(browser, gateway, "/reviews")
    await page.locator("#connection", has_text="Live").wait_for()
    await page.evaluate(_NOTE_PAINTS, job_id)
    sent: dict[str, float] = {}
    async with Redis.from_url(redis_url) as redis:
        log = RedisProgressLog(redis)
        for number in range(events):
            step = f"step {number}"
            sent[step] = time.time() * 1000
            percent = 99 * number / events
            await log.publish(ProgressEvent(type="progress", job_id=job_id, progress=percent, current_step=step))
            await asyncio.sleep(0.1)
    await page.wait_for_function("(step) => window.painted.some(([shown]) => shown === step)", arg=f"step {events - 1}")
    seen: list[tuple[str, float]] = await page.evaluate("() => window.painted")
    painted = dict(reversed(seen))
    await page.context.close()
    missed = sent.keys() - painted.keys()
    assert len(missed) <= events // 20, f"{len(missed)} of {events} events were not seen on the page"
    return [painted[step] - moment for step, moment in sent.items() if step in painted]
