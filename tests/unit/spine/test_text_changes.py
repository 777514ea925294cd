"""What changed between two texts."""

from __future__ import annotations

import pytest

from spine.text_changes import compare_texts

OLD = "\n".join(f"line {number}" for number in range(1, 31))


@pytest.mark.parametrize(
    ("older", "newer", "blocks"),
    [
        pytest.param("a\nb", "a\nb", [("same", 2, [], [])], id="nothing"),
        pytest.param("a\nb", "a\nx\nb", [("same", 1, [], []), ("added", 0, [], ["x"]), ("same", 1, [], [])], id="came"),
        pytest.param(
            "a\nb\nc", "a\nc", [("same", 1, [], []), ("removed", 0, ["b"], []), ("same", 1, [], [])], id="went"
        ),
        pytest.param("a\nb", "a\nc", [("same", 1, [], []), ("replaced", 0, ["b"], ["c"])], id="replaced"),
        pytest.param("", "a", [("added", 0, [], ["a"])], id="from nothing"),
        pytest.param("", "", [], id="two empty texts"),
    ],
)
def test_each_run_of_lines_is_told_once(
    older: str, newer: str, blocks: list[tuple[str, int, list[str], list[str]]]
) -> None:
    found = compare_texts(older, newer).blocks
    assert [(block.change, block.lines, block.removed, block.added) for block in found] == blocks


def test_the_unified_diff_shows_three_lines_around_each_change() -> None:
    newer = OLD.replace("line 5\n", "line five\n").replace("line 25\n", "")
    assert compare_texts(OLD, newer, "revision 1", "revision 2").unified == (
        "--- revision 1\n+++ revision 2\n"
        "@@ -2,7 +2,7 @@\n line 2\n line 3\n line 4\n-line 5\n+line five\n line 6\n line 7\n line 8\n"
        "@@ -22,7 +22,6 @@\n line 22\n line 23\n line 24\n-line 25\n line 26\n line 27\n line 28\n"
    )


def test_two_large_texts_that_share_nothing_are_one_replaced_block_at_once() -> None:
    older, newer = ("\n".join(f"{word} {n % 7}" for n in range(50_000)) for word in ("old", "new"))
    (block,) = compare_texts(older, newer).blocks
    assert (block.change, len(block.removed), len(block.added)) == ("replaced", 50_000, 50_000)
