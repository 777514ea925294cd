"""What every process of the stack is told about it, and `millrace env` tells a shell: made in this one place."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from deployments.stack.gateway_address import HOST_VARIABLE, gateway_url
from deployments.stack.home import Home, write_private
from deployments.stack.ports_choice import LOOPBACK
from deployments.stack.secret_store import Secrets
from spine.errors import NotConfiguredError
from spine.settings import Settings

RESULTS_BLOCK = "millrace-results"
RESULTS_STORAGE = f"stage-results/{RESULTS_BLOCK}"
"""Name of the Redis block in which stages' results are kept."""

NO_AUTHORITY = Path(__file__).with_name("no_authority.pem")
"""A certificate whose key was never kept: whoever trusts it alone trusts nobody."""

_OF_ANOTHER_SERVER = (
    "PREFECT_API_KEY",
    "PREFECT_API_TLS_INSECURE_SKIP_VERIFY",
    "PREFECT_PROFILE",
    "PREFECT_PROFILES_PATH",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
)
"""Would send a part to a Prefect server that is not this stack's, or concerns how that one is spoken to."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services of one stack are. `database_url` only when somebody else runs the database."""

    gateway_port: int
    prefect_port: int
    redis_url: str
    chroma_url: str
    database_url: str | None = None
    demo_port: int | None = None
    gateway_host: str = LOOPBACK

    @property
    def gateway_url(self) -> str:
        return gateway_url(self.gateway_host, self.gateway_port)

    @property
    def prefect_api_url(self) -> str:
        return f"http://{LOOPBACK}:{self.prefect_port}/api"


def part_environment(settings: Settings, addresses: Addresses, secrets: Secrets) -> dict[str, str]:
    """The variables that make a process talk to this stack. They hold secrets: never print them to a log."""
    values = {
        "MILLRACE_HOME": str(settings.home),
        "MILLRACE_PORT": str(addresses.gateway_port),
        "MILLRACE_REDIS_URL": addresses.redis_url,
        "MILLRACE_CHROMA_URL": addresses.chroma_url,
        "MILLRACE_TOKEN": secrets.admin_token,
        "MILLRACE_SESSION_KEY": secrets.session_key,
        "MILLRACE_ENV": settings.env,
        "MILLRACE_ALLOW_PRIVATE_HOSTS": ",".join(sorted(_allowed_hosts(settings, addresses))),
        "PREFECT_API_URL": addresses.prefect_api_url,
        "PREFECT_API_AUTH_STRING": secrets.prefect_auth,
        # Loopback speaks plain HTTP; without this each of the clients that a flow run opens reads all certificates
        # of the machine first, 25 ms of processor time for nothing. Told to verify nothing it would read them as well.
        "PREFECT_API_SSL_CERT_FILE": str(NO_AUTHORITY),
        # Nor does it ask for CSRF tokens, which every such client would request first.
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": RESULTS_STORAGE,
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "DO_NOT_TRACK": "1",
    }
    if settings.host != LOOPBACK:
        values[HOST_VARIABLE] = settings.host
    if settings.personas:
        values["MILLRACE_PERSONAS"] = str(settings.personas_dir)
    if settings.embedding_model:
        values["MILLRACE_EMBEDDING_MODEL"] = settings.embedding_model
    if settings.embedding_dimension:
        values["MILLRACE_EMBEDDING_DIMENSION"] = str(settings.embedding_dimension)
    if addresses.database_url:
        values["MILLRACE_DATABASE_URL"] = addresses.database_url
    if addresses.demo_port:
        values["MILLRACE_DEMO_PORT"] = str(addresses.demo_port)
    return values


def _allowed_hosts(settings: Settings, addresses: Addresses) -> frozenset[str]:
    if addresses.demo_port is None:
        return settings.allow_private_hosts
    return settings.allow_private_hosts | {f"{LOOPBACK}:{addresses.demo_port}"}


def whole_environment(inherited: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The inherited variables (provider keys, PATH, …) but those of another Prefect server, our own over them."""
    kept = {name: value for name, value in inherited.items() if name not in _OF_ANOTHER_SERVER}
    return {**kept, "PYTHONUNBUFFERED": "1", **own}


def exports(environment: Mapping[str, str]) -> str:
    """Lines for `eval` in a POSIX shell, whatever the values contain."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.items()))


def save_environment(home: Home, environment: Mapping[str, str]) -> None:
    """Keep it, mode 0600, for commands that run in another shell than `up` did."""
    write_private(home.environment_file, json.dumps(dict(environment), indent=2) + "\n")


def settle(home: Home, variables: Mapping[str, str]) -> None:
    """Keep, mode 0600, what is known only once Prefect answers; it holds until the next start."""
    write_private(home.settled_file, json.dumps(dict(variables), indent=2) + "\n")


def settled(home: Home) -> dict[str, str]:
    """What was settled; empty before that. `NotConfiguredError` when it cannot be read: nobody may guess it."""
    try:
        return _variables(home.settled_file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise NotConfiguredError(
            f"{home.settled_file} cannot be read: remove it, then run `millrace down` and `millrace up`.",
            what="settled.json",
        ) from error


def with_settled_documents(home: Home, config: Settings) -> Settings:
    """The settings with the database of a saved block, as far as an earlier start has settled on one."""
    url = None if config.mongo_url else settled(home).get("MILLRACE_MONGO_URL")
    return config.model_copy(update={"mongo_url": SecretStr(url)}) if url else config


def load_environment(home: Home) -> dict[str, str]:
    """What the stack in this home runs with, or last ran with; `NotConfiguredError` when it never ran."""
    try:
        return {**_variables(home.environment_file.read_text(encoding="utf-8")), **settled(home)}
    except (OSError, ValueError, AttributeError) as error:
        raise NotConfiguredError(
            f"There is no stack in {home.root} yet: run `millrace up` first.", what="stack"
        ) from error


def _variables(text: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in json.loads(text).items()}


def project_root() -> Path:
    """The folder that holds the packages: entrypoints such as `flows/book_review.py` are relative to it."""
    return Path(__file__).resolve().parents[2]
