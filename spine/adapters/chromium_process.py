"""Finds a Chromium, starts it as confined as this machine allows, and starts it again when it has died."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import shlex
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spine.errors import ExternalServiceError, NotConfiguredError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

_log = logging.getLogger(__name__)

_SYSTEM_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
_BUNDLED_NAMES = ("chrome-headless-shell", "headless_shell", "chrome", "Chromium", "Google Chrome for Testing")

_ARGUMENTS = (
    # Names are resolved by the proxy only; a lookup that goes around it finds nothing.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--dns-prefetch-disable",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--block-new-web-contents",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-remote-fonts",
    "--disable-gpu",
    "--no-pings",
    "--js-flags=--max-old-space-size=512",
)

_LAUNCH_SECONDS = 20.0
_CLOSE_SECONDS = 5.0


def find_browser(setting: str | None) -> Path | None:
    """The Chromium to use: `setting` (a path or a command) if given, else the system's, else Playwright's own.

    None when there is none; a `setting` that names nothing runnable is not replaced by another browser.
    """
    if setting:
        return _runnable(setting)
    return next(filter(None, map(_runnable, _SYSTEM_NAMES)), None) or next(_bundled(), None)


def _runnable(name: str) -> Path | None:
    found = shutil.which(str(Path(name).expanduser()))
    return Path(found).absolute() if found else None


def _bundled() -> Iterator[Path]:
    """Playwright's own downloads, newest first, the small headless ones before the full ones."""
    cache = Path("Library/Caches") if sys.platform == "darwin" else Path(".cache")
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / cache / "ms-playwright")
    for kind in ("chromium_headless_shell-*", "chromium-*"):
        for folder in sorted(root.glob(kind), key=lambda one: (len(one.name), one.name), reverse=True):
            for name in _BUNDLED_NAMES:
                yield from (path for path in sorted(folder.rglob(name)) if os.access(path, os.X_OK) and path.is_file())


@dataclass(frozen=True, slots=True)
class Confinement:
    """How a browser is kept from the machine. `user`: None when it runs as the user of this process."""

    user: str | None
    sandbox: bool

    def __str__(self) -> str:
        return f"{'sandbox' if self.sandbox else 'no sandbox'}, as {self.user or 'the user of this process'}"


def confinements(is_root: bool, unprivileged_user: str | None) -> list[Confinement]:
    """The ways to start a browser, most confined first. Chromium's sandbox refuses to run as root."""
    if not is_root:
        return [Confinement(None, sandbox=True), Confinement(None, sandbox=False)]
    lowered = [Confinement(unprivileged_user, sandbox) for sandbox in (True, False)] if unprivileged_user else []
    return [*lowered, Confinement(None, sandbox=False)]


def launcher_script(executable: Path, uid: int, gid: int) -> str:
    """A shell script that gives the new profile to the unprivileged user and runs the browser as that user."""
    return f"""#!/bin/sh
set -e
for argument in "$@"; do
  case $argument in
    --user-data-dir=*)
      HOME=${{argument#*=}}
      TMPDIR=$HOME
      export HOME TMPDIR
      chown -R {uid}:{gid} "$HOME"
      cd "$HOME" ;;
  esac
done
exec setpriv --reuid={uid} --regid={gid} --clear-groups {shlex.quote(str(executable))} "$@"
"""


class ChromiumProcess:
    """One shared Chromium, started by the first `browser()` and started again when it is found dead.

    Belongs to the event loop that it was started on. `close` leaves no process and no file.
    """

    def __init__(self, executable: str | None) -> None:
        self._setting = executable
        self._changing = asyncio.Lock()
        self._launch: asyncio.Task[Browser] | None = None
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._confinement: Confinement | None = None

    @property
    def confinement(self) -> Confinement | None:
        """How the last started browser is confined; None before the first start."""
        return self._confinement

    async def browser(self, proxy_url: str) -> Browser:
        """The running browser. `NotConfiguredError` when there is none to run."""
        if self._launch is None or _is_over(self._launch):
            self._launch = asyncio.create_task(self._restart(proxy_url))
            self._launch.add_done_callback(_is_over)
        # Whoever gives up waiting must not leave a half started browser behind, so the start goes on alone.
        return await asyncio.shield(self._launch)

    async def replace(self, dead: Browser, proxy_url: str) -> Browser:
        """A running browser other than `dead`, whose end may have gone unnoticed (its driver can die with it)."""
        if self._browser is dead:
            self._launch = None
        return await self.browser(proxy_url)

    async def close(self) -> None:
        launch, self._launch = self._launch, None
        if launch is not None:
            await asyncio.wait({launch})
        async with self._changing:
            await self._stop()

    async def _restart(self, proxy_url: str) -> Browser:
        async with self._changing:
            await self._stop()
            self._browser = await self._start(proxy_url)
            return self._browser

    async def _start(self, proxy_url: str) -> Browser:
        from playwright.async_api import (
            Error,
            TimeoutError,
            async_playwright,
        )  # imported late: it costs every other command 0.2 s

        executable = self._find()
        self._playwright = await async_playwright().start()
        failure: Error | None = None
        for confinement in self._ways():
            try:
                browser = await self._start_as(executable, confinement, proxy_url)
            except TimeoutError as error:  # a busy machine is no reason to confine the browser less
                failure = error
                break
            except Error as error:
                failure = error
                continue
            self._note(confinement)
            return browser
        await self._stop()
        reason = _first_line(failure)
        raise ExternalServiceError(f"Chromium ({executable}) did not start: {reason}", service="browser") from failure

    def _find(self) -> Path:
        executable = find_browser(self._setting)
        if executable is not None:
            return executable
        if self._setting:
            message = (
                f"MILLRACE_BROWSER is {self._setting!r}, which is no program that can be run; correct or unset it."
            )
        else:
            message = (
                "No Chromium was found. Install one (Debian: apt-get install chromium-headless-shell; elsewhere: "
                "playwright install --only-shell chromium) or set MILLRACE_BROWSER to its path."
            )
        raise NotConfiguredError(message, what="MILLRACE_BROWSER")

    def _ways(self) -> Sequence[Confinement]:
        return [self._confinement] if self._confinement else confinements(os.geteuid() == 0, _unprivileged_user())

    async def _start_as(self, executable: Path, confinement: Confinement, proxy_url: str) -> Browser:
        assert self._playwright is not None
        with _launcher(executable, confinement.user) as program:
            return await self._playwright.chromium.launch(
                executable_path=program,
                chromium_sandbox=confinement.sandbox,
                # Chromium reaches loopback directly unless told otherwise, and there our own services listen.
                proxy={"server": proxy_url, "bypass": "<-loopback>"},
                args=list(_ARGUMENTS),
                env=_environment(),
                timeout=_LAUNCH_SECONDS * 1000,
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )

    def _note(self, confinement: Confinement) -> None:
        if not confinement.sandbox and self._confinement is None:
            _log.warning("Chromium runs without its own sandbox on this machine (%s)", confinement)
        self._confinement = confinement

    async def _stop(self) -> None:
        browser, self._browser = self._browser, None
        playwright, self._playwright = self._playwright, None
        if browser is not None:
            await _end(browser.close())
        if playwright is not None:
            await _end(playwright.stop())


def _is_over(launch: asyncio.Task[Browser]) -> bool:
    """Whether a launch has failed, or the browser that came of it has ended."""
    if not launch.done():
        return False
    return launch.cancelled() or launch.exception() is not None or not launch.result().is_connected()


async def _end(closing: Awaitable[None]) -> None:
    """What does not end in time, or is gone already, is ended with the driver that started it."""
    with suppress(Exception):  # a driver that was killed makes Playwright raise bare exceptions
        await asyncio.wait_for(closing, _CLOSE_SECONDS)


@contextmanager
def _launcher(executable: Path, user: str | None) -> Generator[Path]:
    """The program to start. A script that changes the user is needed only until it has become the browser."""
    if user is None:
        yield executable
        return
    account = pwd.getpwnam(user)
    with tempfile.TemporaryDirectory(prefix="millrace-browser-") as folder:
        script = Path(folder) / "launch"
        script.write_text(launcher_script(executable, account.pw_uid, account.pw_gid))
        script.chmod(0o700)
        yield script


def _unprivileged_user() -> str | None:
    if shutil.which("setpriv") is None:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("nobody").pw_name
    return None


def _environment() -> dict[str, str | float | bool]:
    """What the browser may know of ours: keys and tokens in the environment are none of its business."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}


def _first_line(error: Exception | None) -> str:
    return str(error or "").strip().partition("\n")[0]
