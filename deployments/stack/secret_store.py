"""The stack's own passwords and keys: made once, kept in `MILLRACE_HOME/secrets.json` with mode 0600."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, fields, replace

from deployments.stack.home import Home, write_private
from spine.errors import NotConfiguredError


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """One stack's secrets. They live as long as the home: losing the Fernet key loses Prefect's saved blocks."""

    redis_password: str
    postgres_password: str
    prefect_auth: str
    fernet_key: str
    admin_token: str
    session_key: str


def _generate() -> Secrets:
    return Secrets(
        redis_password=secrets.token_urlsafe(24),
        postgres_password=secrets.token_urlsafe(24),
        prefect_auth=f"millrace:{secrets.token_urlsafe(24)}",
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        admin_token=secrets.token_urlsafe(32),
        session_key=secrets.token_urlsafe(32),
    )


def load_secrets(home: Home) -> Secrets:
    """The home's secrets; `NotConfiguredError` when there are none yet or the file cannot be read."""
    try:
        stored = json.loads(home.secrets_file.read_text(encoding="utf-8"))
        return Secrets(**{field.name: str(stored[field.name]) for field in fields(Secrets)})
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotConfiguredError(
            f"There is no stack in {home.root} yet: run `millrace up` first.", what="secrets"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotConfiguredError(
            f"{home.secrets_file} cannot be read ({error}): restore it from a backup, or remove it together with "
            "the folders postgres and prefect beside it to start anew.",
            what="secrets",
        ) from error


def ensure_secrets(home: Home, admin_token: str | None = None) -> Secrets:
    """The home's secrets, made if missing. A given `admin_token` is kept: later commands need no environment."""
    kept = load_secrets(home) if home.secrets_file.exists() else None
    wanted = kept or _generate()
    if admin_token:
        wanted = replace(wanted, admin_token=admin_token)
    if wanted != kept:
        write_private(home.secrets_file, json.dumps(asdict(wanted), indent=2) + "\n")
    return wanted
