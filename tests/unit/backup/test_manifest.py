"""What a backup says of itself, and what is refused when it does not fit."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.backup.archive import pack, unpack
from deployments.backup.manifest import FORMAT, MANIFEST, Manifest, listed, read_manifest, verify
from spine.errors import ConflictError, InvalidInputError


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder as a backup holds it."""
    folder = tmp_path / "saved"
    (folder / "home" / "cards").mkdir(parents=True)
    (folder / "home" / "secrets.json").write_text("{}")
    (folder / "home" / "cards" / "run.sh").write_text("true")
    (folder / "home" / "cards" / "run.sh").chmod(0o755)
    manifest = Manifest(running=True, stores={"documents": "SQLite"}, left_out=[], files=listed(folder))
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return folder


def test_a_backup_that_is_as_it_was_made_is_accepted(saved: Path) -> None:
    manifest = read_manifest(saved)
    verify(saved, manifest)
    assert set(manifest.files) == {"home/secrets.json", "home/cards/run.sh"}
    assert (manifest.format, bool(manifest.millrace)) == (FORMAT, True)


def change(saved: Path) -> None:
    (saved / "home" / "secrets.json").write_text("[]")


def remove(saved: Path) -> None:
    (saved / "home" / "secrets.json").unlink()


def add(saved: Path) -> None:
    (saved / "home" / "stranger").write_text("")


# what somebody did to it → what the refusal says
DAMAGE = [
    pytest.param(change, "changed: home/secrets.json", id="another content"),
    pytest.param(remove, "missing: home/secrets.json", id="a file is gone"),
    pytest.param(add, "not in its manifest: home/stranger", id="a file came in"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGE)
def test_a_damaged_backup_is_refused_by_name(saved: Path, damage: Callable[[Path], None], said: str) -> None:
    manifest = read_manifest(saved)
    damage(saved)
    with pytest.raises(InvalidInputError, match=said):
        verify(saved, manifest)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": "first"}'])
def test_something_else_than_a_backup_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(InvalidInputError, match="not a backup"):
        read_manifest(tmp_path)


def test_a_backup_of_a_newer_millrace_is_refused_with_its_version(saved: Path) -> None:
    newer = read_manifest(saved).model_copy(update={"format": FORMAT + 1, "millrace": "9.9"})
    (saved / MANIFEST).write_text(newer.model_dump_json())
    with pytest.raises(InvalidInputError, match=r"newer Millrace \(9\.9\)"):
        read_manifest(saved)


def test_packed_and_unpacked_it_is_the_same_and_private(saved: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "backup.tar.gz", tmp_path / "again"
    pack(saved, file)
    again.mkdir()
    unpack(file, again)

    verify(again, read_manifest(again))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (file, *again.rglob("*"))}
    assert modes == {
        "backup.tar.gz": 0o600,
        "home": 0o700,
        "cards": 0o700,
        "run.sh": 0o700,
        "secrets.json": 0o600,
        MANIFEST: 0o600,
    }


def test_another_backup_is_never_replaced(saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    file.write_text("mine")
    with pytest.raises(ConflictError, match="exists already"):
        pack(saved, file)
    assert file.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["backup.tar.gz"]


def member(name: str, **told: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in told.items():
        setattr(made, key, value)
    return made


# what somebody put into an archive
HOSTILE = [
    pytest.param(member("../outside"), id="a way out"),
    pytest.param(member("home/../../outside"), id="a longer way out"),
    pytest.param(member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), id="a symbolic link"),
    pytest.param(member("link", type=tarfile.LNKTYPE, linkname="manifest.json"), id="a hard link"),
    pytest.param(member("pipe", type=tarfile.FIFOTYPE), id="a pipe"),
    pytest.param(member("disk", type=tarfile.BLKTYPE), id="a device"),
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_archive_reaches_nothing_outside_its_folder(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    file, folder = tmp_path / "backup.tar", tmp_path / "in" / "folder"
    folder.mkdir(parents=True)
    with tarfile.open(file, "w") as archive:
        archive.addfile(hostile, io.BytesIO())
    with pytest.raises(InvalidInputError, match="Nothing was restored"):
        unpack(file, folder)
    assert list(folder.rglob("*")) == []
    assert sorted(os.listdir(tmp_path)) == ["backup.tar", "in"]


@pytest.mark.parametrize("place", range(5, 100, 10), ids=lambda place: f"at {place} %")
def test_an_archive_with_bytes_overwritten_is_told_as_damaged(saved: Path, tmp_path: Path, place: int) -> None:
    for number in range(20):
        (saved / "home" / f"text-{number}").write_text("".join(f"{number * line} lines, " for line in range(2_000)))
    file, folder = tmp_path / "backup.tar.gz", tmp_path / "folder"
    pack(saved, file)
    content = bytearray(file.read_bytes())
    at = len(content) * place // 100
    content[at : at + 64] = b"\xa5" * 64
    file.write_bytes(content)
    folder.mkdir()
    with pytest.raises(InvalidInputError, match=r"is damaged .*Nothing was restored"):
        unpack(file, folder)
        verify(folder, read_manifest(folder))


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_a_file_that_is_none_in_the_middle_of_an_archive_is_not_its_end(tmp_path: Path, damaged: int) -> None:
    file = tmp_path / "backup.tar"
    with tarfile.open(file, "w") as archive:
        for name in ("documents", MANIFEST, "vectors"):
            archive.addfile(member(name), io.BytesIO())
    content = bytearray(file.read_bytes())
    content[512 * damaged : 512 * damaged + 64] = b"\xa5" * 64
    file.write_bytes(content)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInputError, match="it is damaged" if damaged else "cannot be unpacked"):
        unpack(file, tmp_path / "folder")


def test_half_an_archive_is_refused(saved: Path, tmp_path: Path) -> None:
    (saved / "home" / "large").write_bytes(os.urandom(200_000))
    file, half = tmp_path / "backup.tar.gz", tmp_path / "half.tar.gz"
    pack(saved, file)
    half.write_bytes(file.read_bytes()[:100_000])
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInputError, match="Nothing was restored"):
        unpack(half, tmp_path / "folder")
