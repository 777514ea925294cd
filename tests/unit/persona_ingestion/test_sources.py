"""Which files of a persona's folder are read, and which paths are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from spine.contracts.personas import COLLECTIONS, CollectionName
from spine.errors import InvalidInputError, NotFoundError
from spine.persona_folders import persona_folder
from tasks.persona_ingestion.sources import find_sources


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words")


@pytest.mark.parametrize(
    ("collection", "names"),
    [
        ("works", ["works/a.txt", "works/B.EPUB", "works/letters/c.md", "loose.docx"]),
        ("quotes", ["quotes/a.csv", "quotes/b.jsonl", "loose.json"]),
        ("profile", ["profile/life.html", "profile.md"]),
    ],
)
def test_a_collection_reads_its_folder_first_and_then_what_lies_loose(
    tmp_path: Path, collection: CollectionName, names: list[str]
) -> None:
    put(
        tmp_path,
        "works/a.txt",
        "works/B.EPUB",
        "works/letters/c.md",
        "loose.docx",
        "works/.hidden.txt",
        "works/~$x.docx",
    )
    put(tmp_path, "quotes/a.csv", "quotes/b.jsonl", "loose.json", "profile.md", "profile/life.html")
    found = find_sources(tmp_path, collection)
    assert sorted(file.name for file in found.files) == sorted(names)
    assert not found.left_out
    assert found.size == 5 * len(names)


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("~ tilde poem.txt", True),
        ("~about~ you.txt", True),
        ("$5.txt", True),
        (".hidden.txt", False),
        (".~lock.report.odt#", False),
        ("~$report.docx", False),
        ("report.txt~", False),
        (".report.txt.swp", False),
    ],
)
def test_hidden_files_and_editors_leftovers_are_passed_over_and_nothing_else(
    tmp_path: Path, name: str, is_read: bool
) -> None:
    put(tmp_path, f"works/{name}", name)
    found = find_sources(tmp_path, "works")
    assert [file.name for file in found.files] == ([f"works/{name}", name] if is_read else [])
    assert not found.left_out


def test_the_order_of_files_does_not_depend_on_how_the_folder_lists_them(tmp_path: Path) -> None:
    put(tmp_path, "works/c.txt", "works/a.txt", "works/b/z.txt", "aa.txt")
    assert [file.name for file in find_sources(tmp_path, "works").files] == [
        *("works/a.txt", "works/b/z.txt", "works/c.txt"),
        "aa.txt",
    ]


def test_a_work_is_named_by_its_path_in_the_collection_without_ending(tmp_path: Path) -> None:
    put(tmp_path, "works/letters/to.veronica.txt", "loose.txt")
    assert [file.work for file in find_sources(tmp_path, "works").files] == ["letters/to.veronica", "loose"]


def test_the_letter_case_of_a_collections_folder_does_not_matter(tmp_path: Path) -> None:
    put(tmp_path, "Works/letters/b.txt", "works/a.txt", "QUOTES/c.csv", "Profile/d.md")
    found = [file for collection in COLLECTIONS for file in find_sources(tmp_path, collection).files]
    assert {(file.name, file.work) for file in found} == {
        *(("works/a.txt", "a"), ("Works/letters/b.txt", "letters/b")),
        *(("QUOTES/c.csv", "c"), ("Profile/d.md", "d")),
    }


def test_a_folder_that_no_collection_reads_is_named_once(tmp_path: Path) -> None:
    put(tmp_path, "works/a.txt", "poems/b.txt", "Drafts/c.txt", ".git/d.txt", "quotes/e.csv")
    named = [left.file for name in COLLECTIONS for left in find_sources(tmp_path, name).beside]
    assert sorted(named) == ["Drafts", "poems"]


def test_a_loose_file_of_a_kind_that_no_collection_reads_is_named_once_with_the_kinds_that_are(tmp_path: Path) -> None:
    put(tmp_path, "x.rtf", "notes.doc", "Sayings.xlsx", "README", "works", ".hidden.doc", "old.doc~", "a.txt", "b.csv")
    beside = [left for name in COLLECTIONS for left in find_sources(tmp_path, name).beside]
    assert sorted(left.file for left in beside) == ["README", "Sayings.xlsx", "notes.doc", "works", "x.rtf"]
    assert {left.reason for left in beside} == {
        "is of a kind that is not read (texts: txt, md, html, epub, pdf, docx; quotations: jsonl, json, csv)"
    }


def test_a_file_that_is_not_taken_is_named_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path, "works/book.mobi")
    (tmp_path / "works/empty.txt").touch()
    os.mkfifo(tmp_path / "works/pipe.txt")
    (tmp_path / "works/gone.txt").symlink_to(tmp_path / "works/nowhere.txt")
    (tmp_path / "works/round.txt").symlink_to(tmp_path / "works/round.txt")
    found = find_sources(tmp_path, "works")
    assert not found.files
    assert {left.file: left.reason for left in found.left_out} == {
        "works/book.mobi": "is of a kind that works does not read (known: txt, md, html, epub, pdf, docx)",
        "works/empty.txt": "is empty",
        "works/pipe.txt": "is not a regular file",
        "works/gone.txt": "is a link to a file that does not exist",
        "works/round.txt": "is a link to a file that does not exist",
    }


@pytest.mark.parametrize(
    ("closed", "collection", "named", "read"),
    [
        ("poet", "works", "poet", []),
        ("poet/works", "works", "works", ["loose.txt"]),
        ("poet/works/letters", "works", "works/letters", ["works/a.txt", "loose.txt"]),
        ("poet/quotes", "quotes", "quotes", []),
    ],
)
def test_a_folder_that_cannot_be_listed_is_named_and_what_lies_beside_it_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    closed: str,
    collection: CollectionName,
    named: str,
    read: list[str],
) -> None:
    put(tmp_path / "poet", "works/a.txt", "works/letters/b.txt", "quotes/c.csv", "loose.txt")
    iterdir = Path.iterdir

    def refusing(folder: Path) -> Iterator[Path]:
        if folder == (tmp_path / closed).resolve():
            raise PermissionError(13, "Permission denied", str(folder))
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", refusing)
    found = find_sources(tmp_path / "poet", collection)
    assert [file.name for file in found.files] == read
    assert [(left.file, left.reason) for left in found.left_out] == [(named, "is a folder that cannot be listed")]


def test_a_folder_that_lies_too_deep_is_named_as_that(tmp_path: Path) -> None:
    deep = "/".join(f"f{number}" for number in range(13))
    put(tmp_path, f"works/{deep}/a.txt", f"works/{deep.rpartition('/')[0]}/b.txt")
    found = find_sources(tmp_path, "works")
    assert [Path(file.name).name for file in found.files] == ["b.txt"]
    assert [left.reason for left in found.left_out] == ["lies more than 12 folders deep"]


def test_a_link_is_followed_inside_the_personas_folder_and_refused_when_it_leaves_it(tmp_path: Path) -> None:
    put(tmp_path, "secret.txt", "poet/works/a.txt", "poet/drafts/b.txt", "other/c.txt")
    works = tmp_path / "poet/works"
    (works / "inside.txt").symlink_to(tmp_path / "poet/drafts/b.txt")
    (works / "outside.txt").symlink_to(tmp_path / "secret.txt")
    (works / "climbing.txt").symlink_to("../../secret.txt")
    (works / "folder").symlink_to(tmp_path / "other")
    (works / "loop").symlink_to(works)
    found = find_sources(tmp_path / "poet", "works")
    assert [file.name for file in found.files] == ["works/a.txt", "works/inside.txt"]
    assert {left.file for left in found.left_out} == {
        f"works/{name}" for name in ("outside.txt", "climbing.txt", "folder", "loop")
    }
    assert not any(str(tmp_path) in left.reason for left in found.left_out)


def test_a_collections_own_folder_may_not_be_a_link_that_leaves(tmp_path: Path) -> None:
    put(tmp_path, "other/c.txt")
    (tmp_path / "poet").mkdir()
    (tmp_path / "poet/works").symlink_to(tmp_path / "other")
    found = find_sources(tmp_path / "poet", "works")
    assert not found.files
    assert [left.file for left in found.left_out] == ["works"]


def test_a_file_that_becomes_a_link_after_it_was_found_is_not_opened(tmp_path: Path) -> None:
    put(tmp_path, "secret.txt", "poet/works/a.txt")
    source = find_sources(tmp_path / "poet", "works").files[0]
    source.path.unlink()
    source.path.symlink_to(tmp_path / "secret.txt")
    with pytest.raises(OSError, match="symbolic link"):
        source.open()


@pytest.mark.parametrize("source", ["../x", "/etc", "poet/../../x", "", "  ", ".", "a\0b", "a\\..\\b", "x" * 300])
def test_a_source_that_is_not_a_folder_below_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        persona_folder(tmp_path, source)
    assert str(tmp_path) not in str(refused.value)


def test_a_source_that_is_a_link_out_of_the_personas_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "personas").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "personas/poet").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidInputError, match="leaves the personas folder"):
        persona_folder(tmp_path / "personas", "poet")


def test_a_source_that_does_not_exist_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no folder 'poet'"):
        persona_folder(tmp_path, "poet")


def test_a_source_may_lie_deeper(tmp_path: Path) -> None:
    put(tmp_path, "poets/romanian/works/a.txt")
    assert persona_folder(tmp_path, "poets/romanian") == (tmp_path / "poets/romanian").resolve()


def test_a_name_that_is_not_utf_8_is_written_out(tmp_path: Path) -> None:
    put(tmp_path, "works/a.txt")
    (tmp_path / "works" / os.fsdecode(b"caf\xe9.txt")).write_text("words")
    (tmp_path / "works" / os.fsdecode(b"\xff.txt")).touch()
    found = find_sources(tmp_path, "works")
    assert [(file.name, file.work) for file in found.files] == [
        ("works/a.txt", "a"),
        ("works/caf\\xe9.txt", "caf\\xe9"),
    ]
    assert [place.file for place in found.left_out] == ["works/\\xff.txt"]
