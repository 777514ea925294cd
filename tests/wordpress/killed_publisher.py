"""A process that publishes one article, and kills itself with signal 9 at one step of it when it is told to.

Arguments: the documents' file, the submission, and the point (`before upload_image`, …) or nothing. The site's login
comes from the environment: `SITE_URL`, `SITE_USER`, `SITE_PASSWORD`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from pydantic import SecretStr

from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.adapters.wordpress import WordPressRest
from spine.documents import ensure_indexes
from spine.effects import EffectLedger
from spine.publishing_port import SiteLogin
from tasks.book_review.publishing import publish
from tests.wordpress.interruptions import Interruption
from tests.wordpress.reviewed_book import article, book, covers


class SelfKill(Interruption):
    """Reaching the point is the end of the process, with no chance for any of its code to tidy up."""

    def __init__(self, point: str) -> None:
        super().__init__()
        self._point = point

    def reach(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(file: str, submission_id: str, point: str = "") -> None:
    kill = SelfKill(point)
    documents = open_sqlite_documents(Path(file))
    await ensure_indexes(documents)
    login = SiteLogin(os.environ["SITE_URL"], os.environ["SITE_USER"], SecretStr(os.environ["SITE_PASSWORD"]))
    site = WordPressRest(login)
    effects = EffectLedger(kill.documents(documents))
    published = await publish(article(submission_id), book(), effects, kill.site(site), covers())
    print(published.post_id)
    await site.close()
    await documents.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
