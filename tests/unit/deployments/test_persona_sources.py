"""What `millrace ingest --source` does to a persona's folder."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from deployments.persona_sources import place_sources
from spine.errors import InvalidInputError


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_the_folder_holds_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    personas = tmp_path / "personas"
    place_sources(put(tmp_path / "one", "works/a.txt", "quotes/a.csv", "works/.hidden"), personas, "poe")
    target = place_sources(put(tmp_path / "two", "works/b.txt", "profile.md"), personas, "poe")
    assert target == personas.resolve() / "poe"
    assert names(target) == {"works/b.txt", "profile.md"}
    assert [path.name for path in personas.iterdir()] == ["poe"], "nothing is left of the copying"


def test_links_stay_links_and_pipes_are_not_opened(tmp_path: Path) -> None:
    source = put(tmp_path / "source", "works/a.txt")
    (source / "works/passwd.txt").symlink_to("/etc/passwd")
    os.mkfifo(source / "works/pipe.txt")
    target = place_sources(source, tmp_path / "personas", "poe")
    assert (target / "works/passwd.txt").is_symlink()
    assert not (target / "works/pipe.txt").exists()


def test_the_personas_own_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    own = put(tmp_path / "personas" / "poe", "works/a.txt")
    assert place_sources(own, tmp_path / "personas", "poe") == own.resolve()
    assert names(own) == {"works/a.txt"}


@pytest.mark.parametrize("source", ["empty", "nowhere", "file.txt", "personas", "personas/poe/works"])
def test_a_folder_that_cannot_be_meant_is_refused_and_changes_nothing(tmp_path: Path, source: str) -> None:
    put(tmp_path / "personas" / "poe", "works/a.txt", "works/works/b.txt")
    (tmp_path / "empty").mkdir()
    put(tmp_path, "file.txt")
    put(tmp_path / "personas", "loose.txt")
    with pytest.raises(InvalidInputError):
        place_sources(tmp_path / source, tmp_path / "personas", "poe")
    assert names(tmp_path / "personas" / "poe") == {"works/a.txt", "works/works/b.txt"}


def test_a_file_that_cannot_be_copied_is_named_and_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Played, because root may read everything."""
    put(tmp_path / "personas" / "poe", "works/old.txt")
    source = put(tmp_path / "source", "works/a.txt", "works/b.txt")

    def refused(folder: Path, *_: object, **__: object) -> None:
        raise shutil.Error([(str(folder / "works/b.txt"), "there", "[Errno 13] Permission denied")])

    monkeypatch.setattr(shutil, "copytree", refused)
    with pytest.raises(InvalidInputError, match=r"^works/b\.txt in .* cannot be copied"):
        place_sources(source, tmp_path / "personas", "poe")
    assert names(tmp_path / "personas" / "poe") == {"works/old.txt"}


def test_a_folder_that_may_only_be_read_is_copied_to_one_that_can_be_moved_and_replaced(tmp_path: Path) -> None:
    source = put(tmp_path / "source", "works/a.txt")
    source.chmod(0o555)
    target = place_sources(source, tmp_path / "personas", "poe")
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


def test_a_copy_that_cannot_be_put_in_place_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "personas" / "poe", "works/old.txt")
    source = put(tmp_path / "source", "works/a.txt")
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(PermissionError):
        place_sources(source, tmp_path / "personas", "poe")
    assert names(tmp_path / "personas" / "poe") == {"works/old.txt"}


def test_a_folder_of_files_that_are_not_read_says_which_and_why(tmp_path: Path) -> None:
    put(tmp_path / "given", "notes.doc")
    with pytest.raises(InvalidInputError, match=r"holds no sources \(notes\.doc is of a kind that is not read"):
        place_sources(tmp_path / "given", tmp_path / "personas", "poe")
