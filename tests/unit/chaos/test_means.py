"""What faults are made with: it does what it says, and takes it back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos import catalogue
from tests.chaos.little_memory import LittleMemory
from tests.chaos.small_disk import Disk, filled, locked, small_disk
from tests.chaos.wall_clock import WallClock

_TELLS_TIME = """
import datetime, sys, time
for _ in sys.stdin:
    time.sleep(0.01)
    assert abs(datetime.datetime.now().timestamp() - time.time()) < 1
    print(time.time(), time.monotonic(), flush=True)
"""


def test_a_locked_disk_takes_nothing_not_even_in_open_files_and_is_unlocked_afterwards(tmp_path: Path) -> None:
    with small_disk(tmp_path / "home") as disk:
        if disk < Disk.LOCKED:
            pytest.skip("no disk can be locked here")
        with (tmp_path / "home" / "open").open("wb", buffering=0) as file:
            with locked(tmp_path / "home"):
                for write in (lambda: file.write(b"x"), (tmp_path / "home" / "new").touch, file.truncate):
                    with pytest.raises(OSError):
                        write()
            assert file.write(b"x") == 1
        (tmp_path / "home" / "new").touch()


def test_a_filled_disk_has_room_again_afterwards(tmp_path: Path) -> None:
    with small_disk(tmp_path / "home") as disk:
        if disk < Disk.FILLED:
            pytest.skip("no disk can be mounted here")
        with filled(tmp_path / "home") as written, pytest.raises(OSError):
            assert written
            (tmp_path / "home" / "more").write_bytes(b"x" * 2**20)
        (tmp_path / "home" / "more").write_bytes(b"x" * 2**20)
    assert not (tmp_path / "home" / "more").exists()


def test_the_clock_of_a_running_process_jumps_and_jumps_back_and_its_steady_one_goes_on(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    if not clock.can_be_moved:
        pytest.skip("there is no C compiler")
    with subprocess.Popen(
        [sys.executable, "-c", _TELLS_TIME],
        env={**os.environ, **clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout

        def ahead() -> tuple[float, float]:
            process.stdin.write("\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            wall, steady = map(float, process.stdout.readline().split())  # type: ignore[union-attr]
            return wall - time.time(), steady - time.monotonic()

        def reaches(seconds: float) -> None:
            until = time.monotonic() + 10
            while abs(ahead()[0] - seconds) > 5 and time.monotonic() < until:
                time.sleep(0.1)
            wall, steady = ahead()
            assert abs(wall - seconds) < 5 and abs(steady) < 5

        reaches(0)
        for seconds in (3600, -3600):
            with clock.moved(seconds):
                reaches(seconds)
            reaches(0)
        process.stdin.close()


def test_the_kernel_kills_who_takes_more_than_there_is_and_it_is_counted() -> None:
    memory = LittleMemory()
    if memory.folder is None:
        pytest.skip("no control group may be made here")
    enters = f"open({str(memory.folder / 'cgroup.procs')!r}, 'w').write('0'); bytearray(b'x' * 2**28)"
    assert subprocess.run([sys.executable, "-c", enters]).returncode == -9
    assert memory.kills == 1
    memory.close()
    assert not memory.folder.exists()


def test_every_kind_of_fault_can_be_carried_out() -> None:
    from tests.chaos.load import Load, Mix
    from tests.chaos.strikes import Attack

    acts = Attack(None, Load(None, 1, Mix()))._acts()  # type: ignore[arg-type]  # pyright: ignore[reportPrivateUsage]
    assert {fault.kind for fault in catalogue.FAULTS} <= set(acts)
