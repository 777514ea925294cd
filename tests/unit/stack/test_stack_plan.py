"""Which parts a stack has, on which ports, and what they are told."""

from __future__ import annotations

import socket
import ssl
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from deployments.stack import stack_settings
from deployments.stack.environment import (
    Addresses,
    exports,
    load_environment,
    part_environment,
    save_environment,
    whole_environment,
)
from deployments.stack.gateway_address import require_place
from deployments.stack.home import Home
from deployments.stack.own_parts import lane_groups
from deployments.stack.parts import Kind
from deployments.stack.plan import build_plan, externals_of
from deployments.stack.ports_choice import choose_ports, is_free
from deployments.stack.postgres_server import PostgresBinaries, asyncpg_url, binaries_for, external_postgres
from deployments.stack.prefect_server import drop_scratch, make_scratch
from deployments.stack.secret_store import Secrets
from deployments.stack.stack_settings import LaneLayout, LaneSettings, lane_layout
from spine.errors import ConflictError, NotConfiguredError
from spine.settings import Settings

SECRETS = Secrets(**{field.name: f"secret-{field.name}" for field in fields(Secrets)})
ADDRESSES = Addresses(1, 2, "redis://:p@127.0.0.1:3/0", "http://127.0.0.1:4", demo_port=5)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def settings(home: Path, **values: object) -> Settings:
    return Settings(home=home, port=0, **values)  # pyright: ignore[reportArgumentType]


# -- ports ---------------------------------------------------------------------------------------------------------


def test_ports_are_different_free_and_below_those_of_outgoing_connections() -> None:
    chosen = choose_ports(["a", "b", "c"], {})
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert len(set(chosen.values())) == 3
    assert all(is_free(port) for port in chosen.values())
    assert first_ephemeral < 16_000 or all(port < first_ephemeral for port in chosen.values())


def test_a_remembered_port_is_kept_while_it_is_free() -> None:
    assert choose_ports(["a"], {"a": 20_000}, free=lambda _port: True) == {"a": 20_000}
    assert choose_ports(["a"], {"a": 20_000}, free=lambda port: port != 20_000)["a"] != 20_000
    assert choose_ports(["a"], {"a": 20_000}, free=lambda _port: True, taken=[20_000])["a"] != 20_000


def test_two_names_never_share_a_remembered_port() -> None:
    assert len(set(choose_ports(["a", "b"], {"a": 20_000, "b": 20_000}, free=lambda _port: True).values())) == 2


def test_a_taken_gateway_port_is_refused_with_the_remedy() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(ConflictError, match=f"Port {port} is in use.*--port N"):
            require_place("127.0.0.1", port)


def test_no_free_port_at_all_is_an_error_not_a_loop() -> None:
    with pytest.raises(ConflictError):
        choose_ports(["a"], {}, free=lambda _port: False)


# -- environment ---------------------------------------------------------------------------------------------------


def test_every_process_is_told_where_the_stack_is(tmp_path: Path) -> None:
    told = part_environment(settings(tmp_path, allow_private_hosts="a:1"), ADDRESSES, SECRETS)
    assert told["MILLRACE_REDIS_URL"] == ADDRESSES.redis_url
    assert told["PREFECT_API_URL"] == "http://127.0.0.1:2/api"
    assert told["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert told["MILLRACE_ALLOW_PRIVATE_HOSTS"] == "127.0.0.1:5,a:1"
    assert told["MILLRACE_TOKEN"] == "secret-admin_token"


def test_clients_of_the_own_prefect_server_read_no_certificates_of_the_machine(tmp_path: Path) -> None:
    told = part_environment(settings(tmp_path), ADDRESSES, SECRETS)
    context = ssl.create_default_context(cafile=told["PREFECT_API_SSL_CERT_FILE"])
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert [dict(names[0] for names in one["subject"]) for one in context.get_ca_certs()] == [
        {"commonName": "nobody: the key was never kept"}
    ]


def test_no_process_but_the_server_is_told_the_keys_of_the_server(tmp_path: Path) -> None:
    told = part_environment(settings(tmp_path), ADDRESSES, SECRETS)
    assert not {"secret-fernet_key", "secret-postgres_password"} & set(told.values())


def test_another_prefect_server_of_the_user_does_not_leak_into_the_stack() -> None:
    inherited = {
        "PREFECT_API_KEY": "cloud",
        "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": "true",
        "PREFECT_PROFILE": "work",
        "PREFECT_API_URL": "cloud",
        "OPENAI_API_KEY": "k",
    }
    told = whole_environment(inherited, {"PREFECT_API_URL": "ours"})
    assert told == {"OPENAI_API_KEY": "k", "PREFECT_API_URL": "ours", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize("value", ["plain", "", "with space", "it's", '"$(id)" `id` \\', "line\nbreak", "*", "ü"])
def test_exports_survive_a_shell_whatever_they_contain(value: str) -> None:
    said = subprocess.run(
        ["sh", "-c", exports({"NAME": value}) + '\nprintf %s "$NAME"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == value


def test_the_environment_is_kept_privately_for_other_shells(home: Home) -> None:
    save_environment(home, {"MILLRACE_PORT": "1"})
    assert load_environment(home) == {"MILLRACE_PORT": "1"}
    assert home.environment_file.stat().st_mode & 0o777 == 0o600


def test_without_a_stack_the_environment_says_what_to_do(home: Home) -> None:
    with pytest.raises(NotConfiguredError, match="millrace up"):
        load_environment(home)


# -- what somebody else runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "external"),
    [
        pytest.param({"redis_url": "redis://elsewhere:6379/0"}, "redis", id="a Redis elsewhere"),
        pytest.param({"database_url": "postgresql://u:p@elsewhere/prefect"}, "database", id="a database elsewhere"),
        pytest.param({"chroma_url": "http://elsewhere:8000"}, "chroma", id="a Chroma elsewhere"),
        pytest.param(
            {"redis_url": "redis://:secret-redis_password@127.0.0.1:9/0"}, None, id="our own Redis, by its password"
        ),
        pytest.param({"chroma_url": "http://127.0.0.1:8"}, None, id="our own Chroma, by its remembered port"),
    ],
)
def test_a_shell_that_evaluated_env_does_not_turn_our_own_services_into_external_ones(
    tmp_path: Path, given: dict[str, str], external: str | None
) -> None:
    found = externals_of(settings(tmp_path, **given), SECRETS, {"chroma": 8})
    assert {field.name for field in fields(found) if getattr(found, field.name)} == ({external} if external else set())


@pytest.mark.parametrize(
    "url", ["postgres://u:p@h:1/d?x=y", "postgresql://u:p@h:1/d?x=y", "postgresql+asyncpg://u:p@h:1/d?x=y"]
)
def test_a_database_address_is_understood_however_it_is_written(url: str) -> None:
    assert asyncpg_url(url) == "postgresql+asyncpg://u:p@h:1/d?x=y"


def test_a_database_that_prefect_cannot_use_is_refused() -> None:
    with pytest.raises(NotConfiguredError, match="postgresql://"):
        asyncpg_url("mysql://h/d")


# -- parts ---------------------------------------------------------------------------------------------------------


def test_a_database_port_that_is_no_number_is_refused_by_its_variable() -> None:
    with pytest.raises(NotConfiguredError, match="MILLRACE_DATABASE_URL"):
        external_postgres("postgresql://host:abc/x")


def test_external_services_are_watched_but_not_started(home: Home) -> None:
    config = settings(
        home.root,
        redis_url="redis://elsewhere",
        chroma_url="http://elsewhere",
        database_url="postgresql://u@elsewhere/d",
    )
    plan, environment = build_plan(home, config, SECRETS, LaneLayout(1, 2), {})
    external = {part.name for part in plan.parts if part.kind is Kind.EXTERNAL}
    assert external == {"redis", "chroma", "postgres"}
    assert environment["MILLRACE_REDIS_URL"] == "redis://elsewhere"


def test_no_secret_stands_on_a_command_line(home: Home) -> None:
    plan, _ = build_plan(home, settings(home.root), SECRETS, LaneLayout(1, 2), {})
    words = " ".join(word for part in plan.parts for word in part.argv)
    assert not [field.name for field in fields(Secrets) if getattr(SECRETS, field.name) in words]


def test_programs_of_others_are_not_told_the_keys_of_model_providers(home: Home) -> None:
    plan, _ = build_plan(home, settings(home.root), SECRETS, LaneLayout(1, 2), {})
    assert {"redis", "chroma"} <= {part.name for part in plan.parts if part.bare}


def test_without_the_demo_its_pages_are_absent_and_its_port_is_not_allowed(home: Home) -> None:
    plan, environment = build_plan(home, settings(home.root), SECRETS, LaneLayout(1, 2), {}, demo=False)
    assert "demo-pages" not in {part.name for part in plan.parts}
    assert (environment["MILLRACE_ALLOW_PRIVATE_HOSTS"], "MILLRACE_DEMO_PORT" in environment) == ("", False)


def test_every_need_names_a_part_that_can_exist(home: Home) -> None:
    plan, _ = build_plan(home, settings(home.root), SECRETS, LaneLayout(1, 2), {})
    needs = {need for thing in (*plan.parts, *plan.lanes) for need in thing.needs}
    assert needs <= {"redis", "postgres", "chroma", "prefect", "documents", "setup"}


def test_whoever_opens_documents_waits_until_their_store_is_settled(home: Home) -> None:
    plan, _ = build_plan(home, settings(home.root), SECRETS, LaneLayout(1, 2), {})
    opening = [part for part in plan.parts if part.name in ("setup", "gateway", "worker")]
    assert len(opening) == 3
    assert all("documents" in thing.needs for thing in (*opening, *plan.lanes))


def test_nothing_but_the_word_that_all_is_up_waits_for_deployments(home: Home) -> None:
    plan, _ = build_plan(home, settings(home.root), SECRETS, LaneLayout(1, 2), {})
    assert "deployments" in {part.name for part in plan.parts}
    assert not [thing.name for thing in (*plan.parts, *plan.lanes) if "deployments" in thing.needs]


def test_what_is_loaded_early_waits_for_all_that_it_needs(home: Home) -> None:
    plan, _ = build_plan(home, settings(home.root), SECRETS, LaneLayout(1, 2), {})
    early = {thing.name for thing in (*plan.parts, *plan.lanes) if thing.early_needs is not None}
    assert early == {"prefect", "documents", "setup", "deployments", "gateway", "pipelines", "live"}
    assert all("documents" in lane.needs and "setup" in lane.needs for lane in plan.lanes)


def test_the_command_line_of_a_lane_names_it(tmp_path: Path) -> None:
    groups = lane_groups(LaneLayout(1, 2, {"books": ("a", "b")}), ADDRESSES, tmp_path, ())
    lines = [" ".join(group.make(group.instance(1)).argv[2:]) for group in groups]
    assert lines == [
        "deployments.cli lane pipelines",
        "deployments.cli lane live",
        "deployments.cli lane books --queues a,b",
    ]


def test_choices_on_the_command_line_win_over_the_environment() -> None:
    given = LaneSettings(lane_range="2..3", lanes="books=a; vip=b,c", lane_memory_mb=200)
    assert lane_layout(None, [], given).dedicated == {"books": ("a",), "vip": ("b", "c")}
    chosen = lane_layout("1..4", ["only=x"], given)
    assert (chosen.minimum, chosen.maximum, chosen.dedicated) == (1, 4, {"only": ("x",)})
    assert chosen.memory_limit == 200 * 2**20


@pytest.mark.parametrize(("made_by", "chosen"), [(None, "17"), ("15", "15"), ("17", "17")])
def test_a_data_folder_is_served_by_the_version_that_made_it(tmp_path: Path, made_by: str | None, chosen: str) -> None:
    installed = [PostgresBinaries(tmp_path, "17"), PostgresBinaries(tmp_path, "15")]
    if made_by:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "PG_VERSION").write_text(made_by + "\n")
    assert binaries_for(tmp_path, installed).major == chosen


def test_a_data_folder_of_a_version_that_is_gone_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(NotConfiguredError, match="install postgresql-14"):
        binaries_for(tmp_path, [PostgresBinaries(tmp_path, "17")])


def test_a_stack_that_ends_leaves_nothing_of_its_runs_in_the_folder_for_temporary_files(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    make_scratch(folder)
    (folder / "runner_storage" / "cut-off").mkdir(parents=True)
    drop_scratch(folder)
    assert not folder.exists()
    drop_scratch(folder)  # a stack that never came up has none


def test_a_folder_behind_a_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "somebody").mkdir()
    (tmp_path / "scratch").symlink_to(tmp_path / "somebody")
    drop_scratch(tmp_path / "scratch")
    assert (tmp_path / "somebody").exists()


@pytest.mark.parametrize(
    ("asked", "cores", "expected"),
    [
        pytest.param(0, 1, 1, id="one core"),
        pytest.param(0, 2, 2, id="two cores"),
        pytest.param(0, 16, 2, id="many cores: Prefect's server is the limit"),
        pytest.param(5, 2, 5, id="as many as were asked for"),
    ],
)
def test_live_lanes_follow_the_cores_unless_their_number_is_given(
    monkeypatch: pytest.MonkeyPatch, asked: int, cores: int, expected: int
) -> None:
    monkeypatch.setattr(stack_settings, "cores", lambda: cores)
    defaults = LaneSettings(live_lanes=asked)  # pyright: ignore[reportCallIssue]
    assert lane_layout(None, [], defaults).live == expected


def test_a_start_waits_for_one_live_lane_and_the_others_follow(tmp_path: Path) -> None:
    live = next(
        group for group in lane_groups(LaneLayout(1, 2, live=3), ADDRESSES, tmp_path, ()) if group.name == "live"
    )
    assert (live.at_first, live.minimum, live.maximum) == (1, 3, 3)
