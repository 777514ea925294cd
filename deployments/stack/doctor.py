"""Checks every dependency of the stack and says how to mend what is missing."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deployments.production import dangers, surroundings
from deployments.stack.environment import load_environment, project_root, with_settled_documents
from deployments.stack.gateway_address import require_place
from deployments.stack.health import request
from deployments.stack.home import Home
from deployments.stack.postgres_server import find_postgres
from deployments.stack.prefect_server import SQLITE_FILE
from deployments.stack.redis_server import find_redis
from deployments.stack.registered import missing
from deployments.stack.secret_store import load_secrets
from deployments.stack.state import StackState, load_state
from deployments.stack.status import word_of
from spine.adapters.chromium_process import find_browser
from spine.errors import ConflictError, MillraceError, NotConfiguredError
from spine.settings import Settings

_ENOUGH_DISK = 2 * 2**30
_PRIVATE_DIRECTORY_BITS = 0o077


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `mend` says what to do and is empty where nothing is wrong."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""


def examine(home: Home, settings: Settings) -> list[Finding]:
    """Every check, in the order in which a stack needs things. Nothing is changed."""
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        _python,
        _packages,
        lambda: _redis(settings),
        lambda: _postgres(home, settings),
        lambda: _browser(settings),
        lambda: _home(home),
        lambda: _disk(home),
        lambda: _port(home, settings),
        lambda: _services(home),
        lambda: _production(home, settings),
    )
    return [finding for check in checks for finding in check()]


def _python() -> Iterable[Finding]:
    said = sys.version.split()[0]
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        yield Finding("python", Verdict.OK, said)
    else:
        yield Finding("python", Verdict.FAIL, said, "install Python 3.11 or 3.12 and run `make setup`")


def _packages() -> Iterable[Finding]:
    lock = project_root() / "requirements.lock"
    if not lock.exists():
        yield Finding("packages", Verdict.WARN, "no requirements.lock beside the code", "run from a clone")
        return
    wrong = [f"{name} {found or 'missing'} instead of {wanted}" for name, wanted, found in _differences(lock)]
    if wrong:
        shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        yield Finding("packages", Verdict.WARN, shown, "run `make setup`")
    else:
        yield Finding("packages", Verdict.OK, "as locked")


def _differences(lock: Path) -> Iterable[tuple[str, str, str | None]]:
    for name, wanted, marker in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)( ;.*)?$", _joined(lock.read_text()), re.M):
        found = _installed(name)
        if found != wanted and not (found is None and marker):
            yield name, wanted, found


def _joined(text: str) -> str:
    return re.sub(r"\s*\\$", "", text, flags=re.M)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _redis(settings: Settings) -> Iterable[Finding]:
    if settings.redis_url:
        yield Finding("redis", Verdict.OK, "MILLRACE_REDIS_URL")
    elif binary := find_redis():
        yield Finding("redis", Verdict.OK, str(binary))
    else:
        yield Finding("redis", Verdict.FAIL, "no redis-server", "run `make setup`, or set MILLRACE_REDIS_URL")


def _postgres(home: Home, settings: Settings) -> Iterable[Finding]:
    installed = find_postgres()
    if settings.database_url:
        yield Finding("postgres", Verdict.OK, "MILLRACE_DATABASE_URL")
    elif not installed:
        mend = "install postgresql: Prefect on SQLite gets slow when many runs start at once"
        yield Finding("postgres", Verdict.WARN, "no PostgreSQL: SQLite is used", mend)
    elif (kept := home.root / "prefect" / SQLITE_FILE).exists():
        mend = f"move {kept} away while the stack is down (its run history goes with it)"
        yield Finding("postgres", Verdict.WARN, "installed, but this home began with SQLite", mend)
    else:
        yield Finding("postgres", Verdict.OK, f"PostgreSQL {installed[0].major} in {installed[0].folder}")


def _browser(settings: Settings) -> Iterable[Finding]:
    found = find_browser(settings.browser)
    if found:
        yield Finding("browser", Verdict.OK, str(found))
    elif settings.browser:
        mend = "set MILLRACE_BROWSER to the path of a Chromium, or unset it"
        yield Finding("browser", Verdict.FAIL, f"MILLRACE_BROWSER={settings.browser} is no program", mend)
    else:
        mend = "install chromium-headless-shell or chromium, or set MILLRACE_BROWSER"
        yield Finding("browser", Verdict.WARN, "none: pages are fetched by plain HTTP", mend)


def _home(home: Home) -> Iterable[Finding]:
    existing = _existing(home)
    if existing.is_dir() and not os.access(existing, os.W_OK):
        yield Finding("home", Verdict.FAIL, f"{existing} cannot be written to", "choose another MILLRACE_HOME")
        return
    if not home.root.exists():
        yield Finding("home", Verdict.OK, f"{home.root} will be made")
        return
    about = home.root.stat()
    if not home.root.is_dir():
        yield Finding("home", Verdict.FAIL, f"{home.root} is no folder", "choose another MILLRACE_HOME")
    elif about.st_uid != os.geteuid():
        mend = "choose another MILLRACE_HOME"
        yield Finding("home", Verdict.FAIL, f"{home.root} belongs to uid {about.st_uid}", mend)
    elif about.st_mode & _PRIVATE_DIRECTORY_BITS:
        yield Finding("home", Verdict.WARN, f"{home.root} is open to other users", f"chmod 700 {home.root}")
    elif home.secrets_file.exists() and home.secrets_file.stat().st_mode & _PRIVATE_DIRECTORY_BITS:
        mend = f"chmod 600 {home.secrets_file}"
        yield Finding("home", Verdict.FAIL, f"{home.secrets_file} is open to other users", mend)
    else:
        yield _secrets(home)


def _existing(home: Home) -> Path:
    return next(path for path in (home.root, *home.root.parents) if path.exists())


def _secrets(home: Home) -> Finding:
    try:
        if home.secrets_file.exists():
            load_secrets(home)
    except NotConfiguredError as error:
        found, _, mend = error.message.partition("): ")
        return Finding("home", Verdict.FAIL, f"{found})", mend.rstrip("."))
    return Finding("home", Verdict.OK, str(home.root))


def _disk(home: Home) -> Iterable[Finding]:
    existing = _existing(home)
    free = shutil.disk_usage(existing).free
    said = f"{free / 2**30:.1f} GB free"
    if free < _ENOUGH_DISK:
        yield Finding("disk", Verdict.WARN, said, f"make room below {existing}: 2 GB are comfortable")
    else:
        yield Finding("disk", Verdict.OK, said)


def _port(home: Home, settings: Settings) -> Iterable[Finding]:
    state = load_state(home)
    if state and state.is_supervised and state.ports.get("gateway"):
        yield Finding("port", Verdict.OK, f"{state.ports['gateway']}, used by the running stack")
        return
    try:
        require_place(settings.host, settings.port)
    except ConflictError:
        mend = "choose another with `millrace up --port N` or MILLRACE_PORT"
        yield Finding("port", Verdict.FAIL, f"{settings.port} is used by another program", mend)
    except NotConfiguredError as error:
        found, _, mend = error.message.partition(": ")
        yield Finding("port", Verdict.FAIL, found, mend.rstrip("."))
    else:
        yield Finding("port", Verdict.OK, f"{settings.port or 'any'} is free")


def _services(home: Home) -> Iterable[Finding]:
    state = load_state(home)
    if state is None or not state.is_supervised:
        yield _ended(home, state)
        return
    for part in state.parts:
        verdict = Verdict.OK if part.is_settled else Verdict.WARN
        found = part.state + (f": {part.last_error}" if part.last_error else "")
        mend = "" if part.is_settled else f"read {home.log_of(part.name)}"
        yield Finding(f"part {part.name}", verdict, found, mend)
    yield from _answers(home)


def _ended(home: Home, state: StackState | None) -> Finding:
    word, log = word_of(state), home.log_of("supervisor")
    if word == "killed":
        return Finding("stack", Verdict.FAIL, "its supervisor was killed", f"`millrace up` starts it again; read {log}")
    if state is not None and word == "failed":
        return Finding("stack", Verdict.FAIL, f"it failed: {state.error}", f"read {log}, then `millrace up`")
    return Finding("stack", Verdict.OK, "not running: `millrace up` starts it")


def _answers(home: Home) -> Iterable[Finding]:
    try:
        environment = load_environment(home)
    except NotConfiguredError as error:
        yield Finding("environment", Verdict.FAIL, error.message, "run `millrace down` and `millrace up`")
        return
    auth = environment["PREFECT_API_AUTH_STRING"]
    prefect = f"{environment['PREFECT_API_URL']}/admin/version"
    chroma = f"{environment['MILLRACE_CHROMA_URL'].rstrip('/')}/api/v2/heartbeat"
    yield _asked("prefect API", prefect, auth, home.log_of("prefect"))
    yield from _registered(environment["PREFECT_API_URL"], auth)
    yield _asked("chroma API", chroma, None, home.log_of("chroma"))


def _asked(name: str, url: str, auth: str | None, log: Path) -> Finding:
    try:
        request("GET", url, basic_auth=auth)
    except MillraceError as error:
        return Finding(name, Verdict.FAIL, error.message, f"read {log}")
    return Finding(name, Verdict.OK, url)


def _registered(api_url: str, auth: str) -> Iterable[Finding]:
    try:
        gone = missing(api_url, auth)
    except MillraceError as error:
        yield Finding("prefect registrations", Verdict.WARN, f"not looked at: {error.message}", "ask again in a moment")
        return
    if gone:
        mend = "`millrace down` and `millrace up` register all of it again; redrive what failed meanwhile"
        yield Finding("prefect registrations", Verdict.FAIL, f"Prefect has lost {', '.join(gone)}", mend)
    else:
        yield Finding("prefect registrations", Verdict.OK, "block of the results, work pool, deployments")


def _production(home: Home, settings: Settings) -> Iterable[Finding]:
    for danger in dangers(with_settled_documents(home, settings), surroundings()):
        verdict = Verdict.FAIL if danger.refused else Verdict.WARN
        yield Finding("production", verdict, f"{danger.found} ({danger.name})", danger.mend)
