"""A real lane process with a real Redis beside it; its model and its Telegram are loopback servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prefect.settings import PREFECT_API_URL

from spine.adapters.docket_queue import DocketQueue
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.testing.loopback_telegram import LoopbackTelegram
from spine.testing.openai_server import Answer, Call, OpenAiServer
from spine.testing.redis_server import RedisServer
from tests.stack.live_stack import TOKEN, Sender


class LaneUnderTest:
    """`start` and `kill` as often as a test likes; `close` ends everything that was started."""

    def __init__(self, home: Path, model_seconds: float) -> None:
        self.home = home
        self.model_seconds = model_seconds
        self.telegram = LoopbackTelegram().start()
        self.model = OpenAiServer(self._answer).start()
        self.process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True)
        self._log = (home / "lane.log").open("ab")
        self._redis = RedisServer(home)
        self._redis.start()

    def _answer(self, call: Call) -> Answer:
        return Answer(text=f"re: {call.prompt}", delay=self.model_seconds)

    def start(self, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "lane", "live"],
            env={
                **kept,
                "MILLRACE_HOME": str(self.home),
                "MILLRACE_REDIS_URL": self._redis.url,
                "PREFECT_API_URL": str(PREFECT_API_URL.value()),
                "PREFECT_HOME": str(self.home / "prefect"),
                "PREFECT_LOGGING_LEVEL": "WARNING",
                "GROQ_API_KEY": "key-of-a-test",
                "GROQ_BASE_URL": self.model.base_url,
                "TELEGRAM_BOT_TOKEN": TOKEN,
                "TELEGRAM_API_URL": self.telegram.url,
                **environment,
            },
            stdout=self._log,
            stderr=self._log,
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, within: float = 30.0) -> int:
        """As the supervisor stops it; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(within)

    def sender(self) -> Sender:
        return Sender(open_sqlite_documents(self.home / "documents.sqlite3"), DocketQueue(self._redis.url))

    def log(self) -> str:
        return (self.home / "lane.log").read_text(errors="replace")

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self._redis.kill()
        self._log.close()
        self.model.close()
        self.telegram.close()
