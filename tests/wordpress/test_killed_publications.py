"""kill -9 at every step of a publication on a real WordPress: still one post and one cover."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spine.adapters.wordpress import WordPressRest
from spine.publishing_port import SiteLogin
from tests.wordpress.conftest import Outside

pytestmark = [pytest.mark.wordpress, pytest.mark.timeout(120)]

POINTS = [
    "after storing the key of the post",
    "before create_draft",
    "after create_draft",
    "before upload_image",
    "after upload_image",
    "after recording media_id",
    "before change_post",
    "after change_post",
]


def _run(login: SiteLogin, file: Path, submission_id: str, *point: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.wordpress.killed_publisher", str(file), submission_id, *point],
        env={
            **os.environ,
            "SITE_URL": login.url,
            "SITE_USER": login.username,
            "SITE_PASSWORD": login.application_password.get_secret_value(),
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.mark.parametrize("point", POINTS)
async def test_a_publication_that_was_killed_and_run_again_left_one_post_and_one_cover(
    point: str, login: SiteLogin, site: WordPressRest, outside: Outside, submission_id: str, tmp_path: Path
) -> None:
    media_before = {image["id"] for image in await outside.media()}
    posts_before = {post["id"] for post in await outside.posts()}
    killed = _run(login, tmp_path / "documents.sqlite3", submission_id, point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    finished = _run(login, tmp_path / "documents.sqlite3", submission_id)
    assert finished.returncode == 0, finished.stderr
    assert {post["id"] for post in await outside.posts()} - posts_before == {int(finished.stdout)}
    covers = {image["id"] for image in await outside.media()} - media_before
    assert covers == {(await outside.post(int(finished.stdout)))["featured_media"]}
