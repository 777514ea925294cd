"""What a stack keeps in its home, and who may read it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from deployments.stack.doctor import Finding, Verdict, examine
from deployments.stack.home import LEAST_ROOM, Home, write_private
from deployments.stack.leftovers import find_leftovers
from deployments.stack.logs import last_lines, open_log, rotate
from deployments.stack.processes import identify, is_alive
from deployments.stack.secret_store import ensure_secrets, load_secrets
from deployments.stack.state import PartState, load_state, new_state, save_state
from deployments.stack.status import status_of
from spine.errors import ConflictError, NotConfiguredError
from spine.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_home_is_closed_to_others_even_when_it_was_open(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    home = Home(tmp_path / "home")
    home.prepare()
    assert [mode(path) for path in (home.root, home.run, home.logs)] == [0o700] * 3


def test_a_home_that_cannot_be_made_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotConfiguredError, match="choose a folder"):
        Home(tmp_path / "file" / "home").prepare()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of somebody else")
def test_a_home_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(NotConfiguredError, match="belongs to another user"):
        Home(tmp_path).prepare()


def test_a_home_on_a_full_disk_is_refused_with_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    for free, refused in ((0, True), (LEAST_ROOM - 1, True), (LEAST_ROOM, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        told = f"There is no room in MILLRACE_HOME {tmp_path}"
        with pytest.raises(NotConfiguredError, match=re.escape(told)) if refused else nullcontext():
            Home(tmp_path).require_room()


def test_only_one_process_supervises_a_home(home: Home) -> None:
    with home.supervised(), pytest.raises(ConflictError), home.supervised(patience=0):
        pass
    with home.supervised(patience=0):
        pass  # free again


def test_a_home_is_being_started_until_whoever_inherited_the_mark_has_ended(home: Home) -> None:
    assert not Home(home.root / "none").is_being_started()
    assert not home.is_being_started()
    with home.being_started() as mark, home.being_started():  # two may try at once
        started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(mark,))
    assert home.is_being_started()
    started.communicate()
    assert not home.is_being_started()


def test_secrets_are_private_and_stay_the_same(home: Home) -> None:
    first = ensure_secrets(home)
    assert mode(home.secrets_file) == 0o600
    assert ensure_secrets(home) == first == load_secrets(home)
    assert len(set(json.loads(home.secrets_file.read_text()).values())) == 6


def test_a_given_admin_token_is_kept_for_later_commands(home: Home) -> None:
    before = ensure_secrets(home)
    ensure_secrets(home, "given")
    assert load_secrets(home).admin_token == "given"
    assert load_secrets(home).fernet_key == before.fernet_key


def test_the_fernet_key_is_one_that_prefect_can_use(home: Home) -> None:
    from cryptography.fernet import Fernet

    Fernet(ensure_secrets(home).fernet_key)


def test_secrets_are_never_part_of_a_representation(home: Home) -> None:
    secrets = ensure_secrets(home)
    assert secrets.admin_token not in repr(secrets)


def test_damaged_secrets_are_reported_not_replaced(home: Home) -> None:
    home.secrets_file.write_text("{}")
    with pytest.raises(NotConfiguredError, match="restore it"):
        ensure_secrets(home)
    assert home.secrets_file.read_text() == "{}"


def test_a_private_file_is_replaced_in_one_step(home: Home) -> None:
    path = home.root / "file"
    write_private(path, "old")
    with path.open() as reader:
        write_private(path, "new")
        assert reader.read() == "old"
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert [entry.name for entry in home.root.iterdir() if entry.name.startswith(".file")] == []


def test_the_state_survives_being_written_and_read(home: Home) -> None:
    state = new_state()
    state.parts = [PartState("redis", "service", state="healthy", pid=1, started="x", port=2)]
    save_state(home, state)
    assert load_state(home) == state
    assert mode(home.state_file) == 0o600


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"parts": []}', "null"], ids=str)
def test_a_state_that_cannot_be_read_counts_as_none(home: Home, text: str | None) -> None:
    if text is not None:
        home.state_file.write_text(text)
    assert load_state(home) is None


def test_a_pid_with_another_start_time_is_another_process() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert is_alive(me)
    assert not is_alive(type(me)(me.pid, "another boot:1"))


def test_nothing_is_left_over_while_the_supervisor_lives(home: Home) -> None:
    state = new_state()
    state.parts = [PartState("me", "service", pid=os.getpid(), started=state.supervisor_started)]
    assert find_leftovers(state) == []


def test_status_tells_killed_from_stopped(home: Home) -> None:
    assert status_of(home)["state"] == "stopped"
    state = new_state()
    state.state, state.supervisor_started = "running", "another boot:1"
    state.parts = [PartState("redis", "service", state="healthy", pid=os.getpid(), started="another boot:1")]
    save_state(home, state)
    found = status_of(home)
    assert (found["state"], found["parts"][0]["state"], found["login_url"]) == ("killed", "gone", None)


@pytest.mark.parametrize(
    ("state", "verdict", "said"),
    [
        pytest.param(None, Verdict.OK, "not running", id="never started"),
        pytest.param("stopped", Verdict.OK, "not running", id="taken down"),
        pytest.param("running", Verdict.FAIL, "killed", id="killed while it ran"),
        pytest.param("failed", Verdict.FAIL, "redis could not be started", id="given up"),
    ],
)
def test_the_doctor_tells_a_stack_that_ended_badly_from_one_that_was_stopped(
    home: Home, state: str | None, verdict: Verdict, said: str
) -> None:
    if state is not None:
        kept = new_state()
        kept.state, kept.supervisor_started = state, "another boot:1"
        kept.error = "redis could not be started" if state == "failed" else None
        save_state(home, kept)
    found = finding_of(home, "stack")
    assert found.verdict is verdict and said in found.found
    assert bool(found.mend) is (verdict is Verdict.FAIL)


def test_the_doctor_names_damaged_secrets_and_what_mends_them(home: Home) -> None:
    home.secrets_file.write_text("{}")
    home.secrets_file.chmod(0o600)
    found = finding_of(home, "home")
    assert found.verdict is Verdict.FAIL
    assert str(home.secrets_file) in found.found and "restore it from a backup" in found.mend


def test_the_doctor_calls_a_home_that_is_a_file_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = finding_of(Home(tmp_path / "file"), "home")
    assert found.verdict is Verdict.FAIL and "no folder" in found.found


def finding_of(home: Home, name: str) -> Finding:
    return next(one for one in examine(home, Settings.model_validate({"home": home.root})) if one.name == name)


def test_the_doctor_names_a_home_that_cannot_be_written_to(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != home.root)  # root may write anywhere but there
    for one in (home, Home(home.root / "not" / "made")):
        [found] = [finding for finding in examine(one, Settings(port=0)) if finding.name == "home"]
        assert (found.verdict, found.found) == (Verdict.FAIL, f"{home.root} cannot be written to")


def test_the_status_of_a_running_stack_has_a_login_link(home: Home) -> None:
    token = ensure_secrets(home).admin_token
    state = new_state()
    state.state, state.ports = "running", {"gateway": 1234, "prefect": 1235}
    state.parts = [PartState("lane-live-1", "lane", queues=["default"]), PartState("redis", "service")]
    save_state(home, state)
    found = status_of(home)
    assert found["login_url"] == f"http://127.0.0.1:1234/login?token={token}"
    assert [part["name"] for part in found["parts"]] == ["redis"]
    assert [lane["queues"] for lane in found["lanes"]] == [["default"]]


def test_a_login_link_carries_whatever_token_a_person_chose(home: Home) -> None:
    ensure_secrets(home, "a+b/c&d#e=12 %")
    state = new_state()
    state.state, state.ports = "running", {"gateway": 1234, "prefect": 1235}
    save_state(home, state)
    assert parse_qs(urlsplit(status_of(home)["login_url"]).query) == {"token": ["a+b/c&d#e=12 %"]}


def test_a_long_log_is_moved_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "part.log"
    with path.open("a") as writer:
        for number in range(5):
            writer.write(f"line {number}\n")
            writer.flush()
            assert rotate(path, limit=3, kept=2)
        writer.write("end\n")
    assert path.read_text() == "end\n"
    assert [(tmp_path / f"part.log.{number}").read_text() for number in (1, 2)] == ["line 4\n", "line 3\n"]
    assert not (tmp_path / "part.log.3").exists()
    assert mode(tmp_path / "part.log.1") == 0o600


def test_a_short_or_missing_log_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "part.log").write_text("short")
    assert not rotate(tmp_path / "part.log")
    assert not rotate(tmp_path / "none.log")


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "part.log").write_text("".join(f"{number}\n" for number in range(1000)))
    assert last_lines(tmp_path / "part.log", 2) == ["998", "999"]
    assert last_lines(tmp_path / "none.log") == []


def test_lines_of_an_earlier_life_are_not_the_end_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "part.log"
    for life in ("first", "second"):
        descriptor = open_log(path)
        os.write(descriptor, f"{life}\n".encode())
        os.close(descriptor)
    assert last_lines(path) == ["second"]
    assert mode(path) == 0o600


def test_a_part_starts_also_where_the_disk_of_its_log_is_full() -> None:
    descriptor = open_log(Path("/dev/full"))
    assert os.fstat(descriptor)
    os.close(descriptor)
