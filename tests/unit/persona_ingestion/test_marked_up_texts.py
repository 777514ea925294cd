"""Markdown and HTML as the text that a reader sees."""

from __future__ import annotations

import pytest

from tasks.persona_ingestion.reading import markup
from tasks.persona_ingestion.reading.items import LONGEST_BLOCK, About, Block, Trouble
from tasks.persona_ingestion.reading.markdown_text import read_markdown
from tasks.persona_ingestion.reading.markup import markup_blocks
from tasks.persona_ingestion.reading.web_pages import read_web_page
from tests.unit.persona_ingestion.source_files import headings, read, texts, title_of, troubles


def test_markdown_gives_headings_by_level_and_text_without_marks() -> None:
    text = """---
title: "A Life"
draft: true
---
# Youth
He was **born** in [Ipotești](https://x.example/a_b), with `code` and ![a picture](p.png).
Second line.
## School
- first
- second

Setext
------
> quoted

```
kept as it is
```
"""
    items = read(read_markdown, text.encode())
    assert headings(items) == [(1, "A Life"), (1, "Youth"), (2, "School"), (2, "Setext")]
    assert texts(items) == [
        *("A Life", "Youth", "He was born in Ipotești, with code and a picture.\nSecond line."),
        *("School", "first", "second", "Setext", "quoted", "kept as it is"),
    ]


def test_a_rule_at_the_start_of_markdown_is_no_front_matter() -> None:
    assert texts(read(read_markdown, b"---\n\ntext one\n\ntext two")) == ["text one", "text two"]


def test_markup_inside_markdown_gives_its_text_and_its_line_ends() -> None:
    markup = "<div align='center'>\n<h2>Dorința</h2>\nVino-n <b>codru</b>\n</div>\n\n<!-- no -->"
    text = f"{markup}\n\none<br>two <i>three</i><br/>\nfour"
    items = read(read_markdown, text.encode())
    assert texts(items) == ["Dorința", "Vino-n codru", "one\ntwo three\n\nfour"]
    assert headings(items) == [(2, "Dorința")]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("one\n\n<!-- a note\n\nfor editors --> two\n\nthree", ["one", "two", "three"]),
        ("<script>\nlet a\n\nlet b\n</SCRIPT>\n\none", ["one"]),
        ("<style>\np {}\n\nb {}\n</style >\n\none", ["one"]),
        ("<!-- one line --> one\n\ntwo", ["one", "two"]),
        ("one\n\n<!-- never closed\n\ntwo", ["one", "two"]),
    ],
)
def test_what_no_reader_of_markdown_sees_is_no_text_whatever_blank_lines_it_holds(text: str, seen: list[str]) -> None:
    assert texts(read(read_markdown, text.encode())) == seen


@pytest.mark.parametrize(
    ("fenced", "seen"),
    [
        ("```sh\n# one\ncurl -O x\n```", ["# one\ncurl -O x"]),
        ("words\n~~~\n# one\n\n\n## two\n~~~\nwords", ["words", "# one", "## two", "words"]),
        ("````\n# one\n```\n# two\n`````  ", ["# one\n```\n# two"]),
        ("~~~ `a`\n# one\n```\n# two\n~~~ no\n~~~", ["# one\n```\n# two\n~~~ no"]),
        ("``` one ``` two", ["one two"]),
        ("```\ntext\n===\n**x** <b>\n```", ["text\n===\n**x** <b>"]),
        ("```\n<!-- one\n```\n\ntwo -->", ["<!-- one", "two -->"]),
        ("<!--\n```\n-->\n\none", ["one"]),
        ("<!-- never closed\n\n```\n# one\n```", ["# one"]),
        # in a list and in a quotation
        ("- do\n\n  ```sh\n  # one\n    two\n  ```\n- then", ["do", "# one\n  two", "then"]),
        ("-   ```\n    # one\n    ```\n> ~~~\n> # two\n> ~~~", ["# one", "# two"]),
    ],
)
def test_code_between_fences_is_text_as_it_is_written(fenced: str, seen: list[str]) -> None:
    items = read(read_markdown, f"# Guide\n\n{fenced}\n\n## After".encode())
    assert headings(items) == [(1, "Guide"), (2, "After")]
    assert texts(items)[1:-1] == seen


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("one\n\n~~~\n\n# Two\n\nthree", [(0, "one"), (1, "Two"), (0, "three")]),
        ("one\n\n  ~~~~~~  \n\n# Two", [(0, "one"), (1, "Two")]),
        ("one\n\n~~~~~\n\n# Two\n\n~~~\n\n# Three", [(0, "one"), (1, "Two"), (1, "Three")]),
        ("~~~\n# code\n~~~\n\n~~~\n\n# Two", [(0, "# code"), (1, "Two")]),
        ("~~~\n\n# Two\n\n```\n# code\n```", [(1, "Two"), (0, "# code")]),
        ("<!--\n~~~\n-->\n\n~~~\n# code\n~~~\n\n# Two", [(0, "# code"), (1, "Two")]),
        ("~~~ python\n# code", [(0, "# code")]),
        ("```\n# code", [(0, "# code")]),
        ("---\ntitle: One\n---\n\n~~~\n\n# Two", [(1, "One"), (1, "Two")]),
    ],
)
def test_tildes_that_nothing_closes_set_parts_of_a_text_apart(text: str, found: list[tuple[int, str]]) -> None:
    items = read(read_markdown, text.encode())
    assert [(item.heading, item.text) for item in items if isinstance(item, Block)] == found


def test_a_fence_that_nothing_closes_ends_with_the_file() -> None:
    items = read(read_markdown, b"# Guide\n\n```\n# one\n\n" + b"# two\n" * 5_000)
    assert headings(items) == [(1, "Guide")]
    assert sum(text.count("# two") for text in texts(items)) == 5_000


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        ("title: A Life\ntags:\n- one\n- two\ntext: >\n  goes on\n\n# a comment\nlist: [\n]", ["A Life", "words"]),
        ('"title": x\nmy key : y', ["words"]),
        ("A stanza between rules,\nand more", ["A stanza between rules,\nand more", "words"]),
        ("# A heading", ["A heading", "words"]),
    ],
)
def test_a_head_is_left_away_only_where_it_holds_keys(head: str, kept: list[str]) -> None:
    found = texts(read(read_markdown, f"---\n{head}\n\n---\n\nwords".encode()))
    assert found == kept


PAGE = """<!DOCTYPE html><html><head><title>The  Raven</title><style>p {{}}</style>{meta}</head><body>
<nav><p>Home</p></nav><h1>The <em>Raven</em></h1>
<p>Once upon a midnight<br>dreary &mdash; été &amp; <b>weary</b></p><script>let x = "<p>no</p>"</script>
<div>loose text<p>inside</p>after</div>
<pre>kept
  lines</pre><h2>Notes</h2><ul><li>one<li>two</ul><p></p></body></html>"""


@pytest.mark.parametrize(
    ("meta", "encoding"),
    [
        ("", "utf-8"),
        ('<meta charset="utf-8">', "utf-8"),
        ('<meta charset="iso-8859-1">', "latin-1"),
        ('<meta charset="iso-8859-1">', "utf-8"),  # pages lie; the bytes do not
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1250">', "cp1250"),
        ('<meta charset="nonsense">', "cp1252"),
        ("", "utf-16"),
    ],
)
def test_a_page_gives_its_text_whatever_its_encoding(meta: str, encoding: str) -> None:
    items = read(read_web_page, PAGE.format(meta=meta).encode(encoding))
    assert title_of(items) == "The Raven"
    assert headings(items) == [(1, "The Raven"), (2, "Notes")]
    assert texts(items) == [
        *("The Raven", "Once upon a midnight\ndreary — été & weary", "loose text", "inside", "after"),
        *("kept\nlines", "Notes", "one", "two"),
    ]


def test_a_page_that_is_one_form_gives_its_text_without_the_controls() -> None:
    page = """<form method="post"><input type="hidden" value="x"><h1>Luceafărul</h1><p>A fost odată
    <select><option>ro</option></select></p><textarea>type here</textarea><button>Send</button></form>"""
    assert texts(read(read_web_page, page.encode())) == ["Luceafărul", "A fost odată"]


@pytest.mark.parametrize(
    ("markup", "seen"),
    [
        ("went to <st1:City>London</st1:City> by <o:p></o:p>train", ["went to London by train"]),
        ("a <my-word>word</my-word>, <nobr>un<x>known</x></nobr> ones", ["a word, unknown ones"]),
        ("one<meter>2</meter> <output>three</output><bdi>4</bdi>", ["one2 three4"]),
        ("<section>one</section>two<hr>three<table><tr><td>4<td>5</table>", ["one", "two", "three", "4", "5"]),
        ("<unknown><p>one<p>two</unknown>", ["one", "two"]),
    ],
)
def test_only_elements_that_html_sets_apart_end_a_line(markup: str, seen: list[str]) -> None:
    assert texts(list(markup_blocks([markup]))) == seen


@pytest.mark.parametrize(
    ("markup", "seen"),
    [
        ("<ruby><rb>吾輩</rb><rp>（</rp><rt>わがはい</rt><rp>）</rp></ruby>は猫である", ["吾輩は猫である"]),
        ("<ruby>吾輩<rp>（</rp><rt>わが<b>はい</b></rt><rp>）</rp></ruby>は猫である", ["吾輩は猫である"]),
        ("<ruby>吾<rt>わが</rt>輩<rt>はい</rt></ruby>は", ["吾輩は"]),
        # ends that are left out
        ("<ruby>吾<rp>(<rt>わが<rp>)</ruby>は", ["吾は"]),
        ("<ruby><rb>吾<rt>わが<rb>輩<rt>はい</ruby>は", ["吾輩は"]),
        ("<ruby>吾輩<rtc><rt>わがはい<rtc>I</ruby>は", ["吾輩は"]),
        ("<p>吾輩<ruby>は<rt>わ<p>猫である", ["吾輩は", "猫である"]),
    ],
)
def test_text_with_its_pronunciation_beside_it_is_read_alone(markup: str, seen: list[str]) -> None:
    assert texts(list(markup_blocks([markup]))) == seen


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_page_reads_the_same_in_pieces_of_any_size(size: int) -> None:
    text = PAGE.format(meta="")
    whole = list(markup_blocks([text]))
    assert list(markup_blocks(text[at : at + size] for at in range(0, len(text), size))) == whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<",
        "<p",
        "plain words",
        "</div></p>words<p>",
        "<p>" * 3_000 + "deep",
        "<script>never closed <p>x</p>",
        "<b>\0words",
    ],
)
def test_broken_pages_are_read_as_far_as_they_go(text: str) -> None:
    assert all(isinstance(item, About) or item.text for item in markup_blocks([text]))  # type: ignore[union-attr]


def test_a_page_of_one_endless_paragraph_is_given_in_bounded_blocks() -> None:
    found = texts(list(markup_blocks(["<p>"] + ["some words without end "] * 20_000)))
    assert max(map(len, found)) <= 2 * LONGEST_BLOCK
    assert sum(len(text.split()) for text in found) == 80_000


def test_a_paragraph_with_bytes_that_do_not_fit_is_named_and_kept_without_them() -> None:
    items = read(read_web_page, "<p>șapte țări</p>".encode() * 30 + b"<p>one \xff two</p><p>three</p>")
    assert texts(items)[-2:] == ["one  two", "three"]
    assert troubles(items) == [Trouble("holds bytes that are not utf-8", part="the paragraph “one  two…”")]


@pytest.mark.parametrize("written", ["na\ufffdve", "na&#xFFFD;ve", "na&#65533;ve"])
def test_a_replacement_character_that_a_page_holds_is_a_letter_like_any_other(written: str) -> None:
    items = read(read_web_page, f"<p>{written} ferryman</p><p>ș".encode())
    assert texts(items) == ["na\ufffdve ferryman", "ș"]
    assert not troubles(items)


def test_a_title_loses_the_bytes_that_do_not_fit() -> None:
    items = read(read_web_page, b"<title>On \xff Gates</title><p>" + "șapte țări</p>".encode() * 30)
    assert title_of(items) == "On Gates"


def test_a_gutenberg_page_loses_its_frame() -> None:
    text = (
        "<p>The Project Gutenberg eBook of X</p><p>Title: X of Y</p>"
        "<div>*** START OF THE PROJECT GUTENBERG EBOOK X ***</div>"
        "<h2>One</h2><p>text</p><div>*** END OF THE PROJECT GUTENBERG EBOOK X ***</div><p>licence</p>"
    )
    items = read(read_web_page, text.encode())
    assert texts(items) == ["One", "text"]
    assert title_of(items) == "X of Y"


def test_a_page_that_is_longer_than_one_parser_is_fed_gives_the_same_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        f"<div class=a><h2>Part {n}</h2><p>text &amp; <b>more {n}</b><ul><li>one<li>two</ul>"
        f"<script>if (a) {{ '<p>no</p>' }}</script><!-- <p>no</p>{'-' * n} <div> --><pre> kept\n  {n}</pre></div>"
        for n in range(300)
    ]
    page = "<html><head><title>T</title></head><body>" + "".join(rows)
    pieces = [page[start : start + 97] for start in range(0, len(page), 97)]
    whole = list(markup_blocks(pieces))
    for most in (0, 300, 5_000):
        monkeypatch.setattr(markup, "_LONGEST_FEED", most)
        assert list(markup_blocks(pieces)) == whole


@pytest.mark.parametrize(
    ("declared", "written_as", "text"),
    [
        ("gb2312", "gbk", "朱镕基总理说：今天天气很好，我们去公园玩。"),
        ("Shift_JIS", "cp932", "①第一章は、髙橋さんの㈱会社である。"),
        ("euc-kr", "cp949", "똠방각하가 펲시콜라를 마시고 있다."),
        ("iso-8859-9", "cp1254", "“Şimdi” dedi — güzel şey, çok iyi."),
        ("tis-620", "cp874", "“สวัสดี” ครับ"),
    ],
)
def test_a_page_is_read_in_the_larger_encoding_that_its_declared_name_stands_for(
    declared: str, written_as: str, text: str
) -> None:
    page = f'<html><head><meta charset="{declared}"></head><body><p>{text}</p></body></html>'
    items = read(read_web_page, page.encode(written_as))
    assert texts(items) == [text]
    assert not troubles(items)


@pytest.mark.parametrize(
    "ruby",
    [
        "<ruby>吾輩<rp>（</rp><rt>わがはい</rt><rp>）</rp></ruby>",
        "<ruby>吾<rt>わが</rt>輩<rt>はい</rt></ruby>",
        "<ruby><rb>吾<rt>わが<rb>輩<rt>はい</ruby>",
    ],
)
def test_markdown_leaves_out_how_a_word_is_pronounced(ruby: str) -> None:
    assert texts(read(read_markdown, f"私の{ruby}は*猫*である".encode())) == ["私の吾輩は猫である"]
