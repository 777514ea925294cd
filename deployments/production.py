"""What a production stack must not be started with, and what it should not: each with what to set instead."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from deployments.unusable_setting import unusable_setting
from spine.errors import NotConfiguredError
from spine.settings import Settings

_logger = logging.getLogger("millrace.production")

SHORTEST_SECRET = 32  # characters; `secrets.token_hex(16)`, which is 128 bits
_FEWEST_DIFFERENT = 8  # characters; a random text of that length has more
_SHORTEST_PASSWORD = 12  # characters, of servers


class Surroundings(BaseSettings):
    """What the environment says beyond `spine.settings` that decides whether a production stack is safe."""

    model_config = SettingsConfigDict(
        env_prefix="MILLRACE_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    host: str = Field("127.0.0.1", description="the address on which the gateway listens")
    tls_proxy: bool = Field(False, description="a proxy in front of the gateway speaks https")
    session_key: SecretStr | None = Field(None, description="signs sessions and tickets")
    demo_port: int | None = Field(None, description="where the demo's pages are served")
    production_accepts: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="names of refusals that are accepted"
    )
    prefect_auth: SecretStr | None = Field(None, validation_alias="PREFECT_API_AUTH_STRING")

    @field_validator("production_accepts", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        return frozenset(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def surroundings() -> Surroundings:
    """This process's; `InvalidInputError` naming the variable that does not fit."""
    try:
        return Surroundings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        raise unusable_setting(error) from error


@dataclass(frozen=True, slots=True)
class Danger:
    """Something that production is not safe with. `mend` says what to do; one that is not refused is a warning."""

    name: str
    found: str
    mend: str
    refused: bool = True


def dangers(config: Settings, around: Surroundings, *, demo: bool = False) -> list[Danger]:
    """Everything that is wrong for production, refusals first; nothing elsewhere. `demo`: its pages will be served.

    A refusal that `MILLRACE_PRODUCTION_ACCEPTS` names is a warning.
    """
    if config.env != "production":
        return []
    found = [*_secrets(config, around), *_stores(config), *_faces(config, around, demo=demo)]
    judged = [replace(one, refused=one.refused and one.name not in around.production_accepts) for one in found]
    return sorted(judged, key=lambda one: not one.refused)


def require_safe(config: Settings, *, demo: bool = False) -> None:
    """Log what is only warned about. `NotConfiguredError` names everything that is refused and how to mend it."""
    found = dangers(config, surroundings(), demo=demo)
    for one in found:
        if not one.refused:
            _logger.warning("not safe for production: %s: %s", one.found, one.mend)
    if refused := [one for one in found if one.refused]:
        told = "; ".join(f"{one.found} ({one.name}): {one.mend}" for one in refused)
        raise NotConfiguredError(
            f"MILLRACE_ENV=production refuses to start: {told}. What you accept all the same, name in "
            f"MILLRACE_PRODUCTION_ACCEPTS={','.join(one.name for one in refused)}.",
            what="production",
        )


def _secrets(config: Settings, around: Surroundings) -> Iterator[Danger]:
    for name, variable, secret in (
        ("token", "MILLRACE_TOKEN", config.token),
        ("session-key", "MILLRACE_SESSION_KEY", around.session_key),
    ):
        if secret is not None and is_weak(secret.get_secret_value()):
            mend = f"give at least {SHORTEST_SECRET} random characters, or unset it: then one is made"
            yield Danger(name, f"{variable} can be guessed", mend)
    if around.prefect_auth is not None:
        user, _, password = around.prefect_auth.get_secret_value().partition(":")
        if _is_common(user, password):
            yield Danger("prefect-auth", "PREFECT_API_AUTH_STRING can be guessed", "give a password of your own in it")


def is_weak(secret: str) -> bool:
    """Whether a secret that nobody limits the guesses of is too short or too plain."""
    return len(secret) < SHORTEST_SECRET or len(set(secret)) < _FEWEST_DIFFERENT


def _is_common(user: str, password: str) -> bool:
    return len(password) < _SHORTEST_PASSWORD or password == user


def _stores(config: Settings) -> Iterator[Danger]:
    if config.mongo_url is None:
        mend = "set MILLRACE_MONGO_URL, or save a block Document Database"
        yield Danger("sqlite-documents", "documents are kept in SQLite on this machine", mend)
    if config.redis_url is None:
        mend = "set MILLRACE_REDIS_URL"
        yield Danger("own-redis", "the queues are kept by the stack's own Redis", mend, refused=False)
    for name, variable, url in (
        ("redis", "MILLRACE_REDIS_URL", config.redis_url),
        ("mongo", "MILLRACE_MONGO_URL", config.mongo_url),
        ("database", "MILLRACE_DATABASE_URL", config.database_url),
    ):
        if url is not None:
            yield from _server(name, variable, url.get_secret_value())
    if config.chroma_url and not is_loopback(urlsplit(config.chroma_url).hostname or ""):
        mend = "let nobody but Millrace reach it"
        yield Danger("chroma", "Chroma has no password, and is not on this machine", mend, refused=False)


def _server(name: str, variable: str, url: str) -> Iterator[Danger]:
    """The address itself stays unsaid: it may hold the password."""
    try:
        parts = urlsplit(url)
        host, user, password = parts.hostname or "", parts.username or "", parts.password
    except ValueError:  # a list of hosts, as MongoDB allows: whoever connects judges it
        return
    if is_loopback(host):
        return
    if password is None:
        mend = "give it one, or let nobody but Millrace reach the server"
        yield Danger(f"{name}-password", f"{variable} has no password", mend, refused=False)
    elif _is_common(user, password):
        mend = f"give the server a password of {_SHORTEST_PASSWORD} characters or more"
        yield Danger(f"{name}-password", f"the password in {variable} can be guessed", mend)


def _faces(config: Settings, around: Surroundings, *, demo: bool) -> Iterator[Danger]:
    if not is_loopback(around.host) and not around.tls_proxy:
        mend = "put a proxy with TLS in front and say MILLRACE_TLS_PROXY=true, or unset MILLRACE_HOST"
        yield Danger("public-bind", f"the gateway listens on {around.host} without TLS", mend)
    if demo or around.demo_port is not None:
        yield Danger("demo", "the demo's pages are served", "start with --no-demo")
    own = {f"127.0.0.1:{around.demo_port}"}
    if hosts := sorted(config.allow_private_hosts - own):
        mend = "unset MILLRACE_ALLOW_PRIVATE_HOSTS"
        yield Danger("private-hosts", f"pages may be fetched from {', '.join(hosts)}", mend, refused=False)
    if os.geteuid() == 0:
        yield Danger("root", "the stack runs as root", "run it as a user of its own", refused=False)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach the address; a name other than localhost is not taken for one."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
