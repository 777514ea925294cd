"""compose.yaml and the image, held against the code they start: containers cannot run where the tests do."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from deployments.cli import GROUPS
from deployments.cli.application import new_application
from deployments.lanes import LANES
from deployments.production import Surroundings
from spine.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deployments" / "containers" / "Dockerfile").read_text()
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("millrace:")}

KEYS = {
    "build", "command", "configs", "depends_on", "deploy", "environment", "healthcheck", "image", "logging", "ports",
    "restart", "shm_size", "stop_grace_period", "stop_signal", "volumes",
}  # fmt: skip
"""Of the Compose specification's keys for a service, those that are used here."""

MUST_COME_FROM_OUTSIDE = ("PASSWORD", "TOKEN", "AUTH", "KEY")
"""Endings of variables whose values are secret."""

NEEDED = {"MILLRACE_TOKEN", "MILLRACE_SESSION_KEY", "MILLRACE_REDIS_URL", "MILLRACE_MONGO_URL", "MILLRACE_CHROMA_URL"}
ONE_PREFECT = {
    "PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_SERVER_ENCRYPTION_KEY",
    "PREFECT_MESSAGING_BROKER", "PREFECT_MESSAGING_CACHE", "PREFECT_REDIS_MESSAGING_URL", "PREFECT_SERVER_DOCKET_URL",
    "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING", "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
}  # fmt: skip
"""What makes several processes of Prefect one server."""


def every_service() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", list(SERVICES))


def environment(name: str) -> dict[str, str]:
    return SERVICES[name].get("environment", {})


@every_service()
def test_a_service_has_only_keys_of_the_specification_and_an_image_of_a_fixed_version(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KEYS
    image, _, tag = service["image"].partition(":")
    assert image and re.search(r"\d", tag) and tag != "latest"


@every_service()
def test_what_a_service_waits_for_is_there_and_can_become_what_it_waits_for(name: str) -> None:
    for other, waited in SERVICES[name].get("depends_on", {}).items():
        if waited["condition"] == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"], other
        else:
            assert waited["condition"] == "service_completed_successfully"
            assert SERVICES[other]["restart"] == "no", other


def test_nothing_waits_in_a_circle() -> None:
    waiting = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    while ready := {name for name, others in waiting.items() if not others}:
        waiting = {name: others - ready for name, others in waiting.items() if name not in ready}
    assert waiting == {}


def variables() -> set[str]:
    """The variables that our code reads, and those of the libraries that it uses, by name."""
    ours = {f"MILLRACE_{field.upper()}" for kind in (Settings, Surroundings) for field in kind.model_fields}
    read = {name for path in (ROOT / "deployments").rglob("*.py") for name in _named(path)}
    return ours | read | set(prefects())


def _named(path: Path) -> Iterator[str]:
    yield from re.findall(r'environ\.get\(\s*"(MILLRACE_\w+)"', path.read_text())


def prefects() -> set[str]:
    """Every name under which Prefect and its Redis package read a setting."""
    from prefect.settings import Settings as PrefectSettings
    from prefect.settings.legacy import _get_settings_fields  # pyright: ignore[reportPrivateUsage]

    accessors = {setting.accessor for setting in _get_settings_fields(PrefectSettings).values()}
    names = {f"PREFECT_{accessor.upper().replace('.', '_')}" for accessor in accessors}
    outside = {"PREFECT_REDIS_MESSAGING_URL", "PREFECT_SERVER_ENCRYPTION_KEY"}  # read by prefect-redis, by os.getenv
    return names | set(_get_settings_fields(PrefectSettings)) | outside


OF_PROVIDERS = {f"{name}_API_KEY" for name in ("GROQ", "OPENAI", "MISTRAL", "ANTHROPIC")}


@pytest.mark.parametrize("name", list(OURS))
def test_every_variable_that_is_set_is_one_that_is_read(name: str) -> None:
    assert set(environment(name)) - variables() - OF_PROVIDERS - {"ANONYMIZED_TELEMETRY"} == set()


@pytest.mark.parametrize("name", [name for name in OURS if "millrace" in OURS[name]["command"][:1]])
def test_a_part_of_millrace_is_told_where_all_state_is(name: str) -> None:
    assert set(environment(name)) >= NEEDED
    assert environment(name)["MILLRACE_ENV"] == "production"


@pytest.mark.parametrize("name", ["prefect-database", "prefect-a", "prefect-b", "prefect-services"])
def test_prefects_processes_are_one_server(name: str) -> None:
    assert set(environment(name)) >= ONE_PREFECT
    assert environment(name) == environment("prefect-a")


def test_a_secret_comes_from_outside_and_nothing_starts_without_it() -> None:
    for name in SERVICES:
        for variable, value in environment(name).items():
            if variable.endswith(MUST_COME_FROM_OUTSIDE) or ("://" in value and "@" in value):
                assert re.search(r"\$\{[A-Z_]+(:\?|:-\})", value), f"{name}: {variable}"
    assert not re.search(r"://[^$\s@/]*:[^$\s@/]+@", (ROOT / "compose.yaml").read_text())
    assert not re.search(r"(?i)(password|token|secret|_key)=\S", DOCKERFILE)


def commands() -> set[str]:
    app = new_application()
    for group in GROUPS:
        group.register(app)
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", list(OURS))
def test_what_a_container_runs_is_a_command_that_there_is(name: str) -> None:
    words: list[str] = OURS[name]["command"]
    health: list[str] = OURS[name].get("healthcheck", {}).get("test", [])
    for run in (words, health[1:]):
        if run[:1] == ["millrace"]:
            assert run[1] in commands()
            assert run[1] != "lane" or run[2] in LANES
        elif run[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(run[2]) is not None
        elif run:
            assert run[0] == "prefect"


@pytest.mark.parametrize("name", [name for name in OURS if OURS[name]["command"][0] == "prefect"])
def test_prefect_understands_the_command_line_of_a_container(name: str) -> None:
    from prefect.cli._app import _app  # pyright: ignore[reportPrivateUsage]

    words: list[str] = OURS[name]["command"][1:]
    command, _, _ = _app.parse_args(words, exit_on_error=False, print_error=False)
    assert command.__module__.startswith("prefect.cli.")
    with pytest.raises(Exception, match="no-such-option"):
        _app.parse_args([*words, "--no-such-option"], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("name", ["lane-pipelines", "lane-live", "gateway-a", "gateway-b"])
def test_a_part_is_given_more_time_to_end_than_it_takes(name: str) -> None:
    from deployments.gateway_process import GRACE_SECONDS
    from deployments.lane_process import DRAIN_SECONDS

    needed = DRAIN_SECONDS + 10 if "lane" in name else GRACE_SECONDS + 5
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > needed


def test_only_the_proxy_can_be_reached_and_only_from_this_host() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"proxy"}
    assert all(port.startswith("127.0.0.1:") for port in published["proxy"])


def test_every_volume_and_config_is_declared_and_every_store_has_one() -> None:
    used = {mount.partition(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])
    assert {"postgres", "redis", "mongodb", "chroma"} <= used
    assert {one["source"] for service in SERVICES.values() for one in service.get("configs", [])} == set(
        COMPOSE["configs"]
    )


def test_the_proxy_leads_to_every_gateway_and_every_api_server() -> None:
    text = COMPOSE["configs"]["caddyfile"]["content"]
    for name in SERVICES:
        if name.startswith("gateway-"):
            assert f"{name}:{environment(name)['MILLRACE_PORT']}" in text
        if name in ("prefect-a", "prefect-b"):
            assert f"{name}:4200" in text


def test_the_image_installs_what_is_locked_and_runs_as_nobody_special() -> None:
    assert "uv pip sync --require-hashes requirements.lock" in DOCKERFILE
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:3.11-slim-bookworm"] * 2
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert f"!{name}" in (ROOT / ".dockerignore").read_text().split(), name


def test_the_image_leaves_out_what_is_not_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    assert not {line.lstrip("!") for line in lines} & {".env", ".git", "tests", ".venv", os.curdir}
