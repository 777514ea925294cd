"""Makes the pictures of docs/images from a furnished desk: `python -m tests.gateway.screenshots`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from tests.gateway.browsing import a_page, chromium, log_in
from tests.gateway.gateway_desk import serving
from tests.gateway.test_accessibility import furnished

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
PICTURES: Final = {
    "home": "/",
    "review": "/review/",
    "run": "/run/",
    "jobs": "/jobs",
    "usage": "/usage",
    "persona": "/persona/poe?q=",
    "conversation": "/conversation/",
    "cards": "/cards",
    "card": "/card/API-12",
    "graph": "/graph/question?job=",
    "queues": "/queues",
}
"""Name of the picture → beginning of the first address of the furnished desk that it shows."""


async def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    desk, paths = await furnished()
    size = {"width": 1120, "height": 760}
    async with serving(desk.app) as host, chromium() as browser, a_page(browser, viewport=size) as page:
        await log_in(page, host)
        for name, beginning in PICTURES.items():
            path = beginning if beginning in paths else next(one for one in paths if one.startswith(beginning))
            await page.goto(f"http://{host}{path}")
            await page.locator("#connection", has_text="Live").wait_for()
            await page.wait_for_load_state("networkidle")
            await page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
