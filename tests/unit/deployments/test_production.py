"""What `MILLRACE_ENV=production` refuses to start with, what it warns of, and that nothing changes elsewhere."""

from __future__ import annotations

import json
import logging
import secrets
from pathlib import Path

import pytest

from deployments.production import Danger, dangers, is_loopback, require_safe, surroundings
from spine.errors import InvalidInputError, NotConfiguredError
from spine.settings import settings
from tests.unit.stack.test_stack_commands import millrace

SAFE = {
    "MILLRACE_ENV": "production",
    "MILLRACE_MONGO_URL": f"mongodb://millrace:{secrets.token_hex(12)}@mongo.example/millrace",
    "MILLRACE_REDIS_URL": f"redis://:{secrets.token_hex(12)}@redis.example:6379/0",
    "MILLRACE_TOKEN": secrets.token_urlsafe(32),
    "MILLRACE_SESSION_KEY": secrets.token_urlsafe(32),
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A production environment that is safe; who runs the tests is no matter."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for name, value in SAFE.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return monkeypatch


def found(*, demo: bool = False) -> list[Danger]:
    settings.cache_clear()
    return dangers(settings(), surroundings(), demo=demo)


def test_a_stack_with_its_own_servers_and_secrets_is_safe(environment: pytest.MonkeyPatch) -> None:
    assert found() == []
    require_safe(settings())


@pytest.mark.parametrize(
    ("variable", "value", "name", "refused"),
    [
        pytest.param("MILLRACE_TOKEN", "changeme", "token", True, id="a short token"),
        pytest.param("MILLRACE_TOKEN", "a" * 64, "token", True, id="a plain token"),
        pytest.param("MILLRACE_SESSION_KEY", "key", "session-key", True, id="a short session key"),
        pytest.param("PREFECT_API_AUTH_STRING", "admin:pass", "prefect-auth", True, id="the manual's password"),
        pytest.param("MILLRACE_MONGO_URL", None, "sqlite-documents", True, id="documents in SQLite"),
        pytest.param("MILLRACE_MONGO_URL", "mongodb://m.example/x", "mongo-password", False, id="no password"),
        pytest.param("MILLRACE_MONGO_URL", "mongodb://root:root@m.example/x", "mongo-password", True, id="its user"),
        pytest.param("MILLRACE_REDIS_URL", "redis://:redis@r.example", "redis-password", True, id="a short password"),
        pytest.param("MILLRACE_REDIS_URL", None, "own-redis", False, id="the stack's own Redis"),
        pytest.param("MILLRACE_DATABASE_URL", "postgresql://p:p@d.example/x", "database-password", True, id="Postgres"),
        pytest.param("MILLRACE_CHROMA_URL", "http://chroma.example:8000", "chroma", False, id="a Chroma elsewhere"),
        pytest.param("MILLRACE_HOST", "0.0.0.0", "public-bind", True, id="every address"),
        pytest.param("MILLRACE_HOST", "::", "public-bind", True, id="every address, IPv6"),
        pytest.param("MILLRACE_HOST", "gateway.internal", "public-bind", True, id="a name"),
        pytest.param("MILLRACE_DEMO_PORT", "8123", "demo", True, id="the demo's pages"),
        pytest.param("MILLRACE_ALLOW_PRIVATE_HOSTS", "10.0.0.1:80", "private-hosts", False, id="private hosts"),
    ],
)  # fmt: skip
def test_each_danger_is_named_with_what_to_do(
    environment: pytest.MonkeyPatch, variable: str, value: str | None, name: str, refused: bool
) -> None:
    environment.delenv(variable, raising=False) if value is None else environment.setenv(variable, value)
    (one,) = found()
    assert (one.name, one.refused) == (name, refused)
    assert one.found and one.mend
    assert value is None or value not in one.found + one.mend or variable in ("MILLRACE_HOST", SHOWN), (
        "no secret is told"
    )

    environment.setenv("MILLRACE_ENV", "development")
    assert found(demo=True) == [], "elsewhere nothing changes"


SHOWN = "MILLRACE_ALLOW_PRIVATE_HOSTS"


def test_the_demo_that_is_about_to_be_served_counts(environment: pytest.MonkeyPatch) -> None:
    assert [one.name for one in found(demo=True)] == ["demo"]


def test_a_public_gateway_behind_a_proxy_with_tls_is_safe(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MILLRACE_HOST", "0.0.0.0")
    environment.setenv("MILLRACE_TLS_PROXY", "true")
    assert found() == []


def test_one_error_names_all_refusals_and_warnings_are_logged(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("MILLRACE_TOKEN", "changeme")
    environment.setenv("MILLRACE_HOST", "0.0.0.0")
    environment.delenv("MILLRACE_REDIS_URL")
    settings.cache_clear()
    with caplog.at_level(logging.WARNING), pytest.raises(NotConfiguredError) as refusal:
        require_safe(settings())
    said = refusal.value.message
    assert "(token)" in said and "(public-bind)" in said and "MILLRACE_PRODUCTION_ACCEPTS=token,public-bind" in said
    assert "changeme" not in said and "\n" not in said
    assert "MILLRACE_REDIS_URL" in caplog.text


def test_what_is_accepted_by_name_is_warned_of(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.delenv("MILLRACE_MONGO_URL")
    environment.setenv("MILLRACE_PRODUCTION_ACCEPTS", "sqlite-documents, demo")
    settings.cache_clear()
    with caplog.at_level(logging.WARNING):
        require_safe(settings(), demo=True)
    assert "SQLite" in caplog.text and "demo" in caplog.text


def test_a_variable_that_cannot_be_read_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MILLRACE_TLS_PROXY", "perhaps")
    with pytest.raises(InvalidInputError, match="MILLRACE_TLS_PROXY"):
        surroundings()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("10.0.0.1", False), ("", False), ("localhost.example", False)],
)  # fmt: skip
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    "words", [["up"], ["up", "--foreground"], ["supervise"], ["gateway"], ["lane", "pipelines"]], ids=" ".join
)
def test_every_way_to_start_is_refused_with_one_line_and_leaves_nothing(tmp_path: Path, words: list[str]) -> None:
    done = millrace(tmp_path / "home", *words, MILLRACE_ENV="production", MILLRACE_TOKEN="short", MILLRACE_PORT="0")
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("millrace: ")]
    assert len(said) == done.stderr.count("(token)") == 1 and "(token)" in said[0] and "(sqlite-documents)" in said[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "secrets.json").exists()


def test_doctor_lists_them(tmp_path: Path) -> None:
    done = millrace(tmp_path / "home", "doctor", "--json", MILLRACE_ENV="production", MILLRACE_HOST="0.0.0.0")
    told = {(one["found"], one["verdict"]) for one in json.loads(done.stdout) if one["name"] == "production"}
    assert ("the gateway listens on 0.0.0.0 without TLS (public-bind)", "fail") in told
    assert done.returncode == 1
