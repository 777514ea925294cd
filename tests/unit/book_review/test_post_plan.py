"""What an article becomes on a site: its HTML, address, excerpt, shelves, sources and cover."""

from __future__ import annotations

import html
import struct

import pytest

from spine.contracts.books import BookMetadata
from spine.documents import BOOKS, SUMMARIES
from spine.errors import BlockedUrlError, InvalidInputError
from spine.ports import FetchedPage
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from tasks.book_review.publish.cover import Cover, NoCover, judge_cover, read_cover
from tasks.book_review.publish.image_facts import ImageFacts, image_facts
from tasks.book_review.publish.post_html import plain_html, post_html
from tasks.book_review.publish.post_plan import alt_text_of, excerpt_of, plan_post, slug_of
from tasks.book_review.publish.source_links import canonical_url, source_links
from tasks.book_review.publish.subjects import Subjects, categories, read_subjects, tags
from tests.wordpress.reviewed_book import COVER_URL, article, book, png

REL = 'rel="nofollow noopener noreferrer"'

KEPT = [
    pytest.param(
        "a *b* **c** `d` ~~e~~", "<p>a <em>b</em> <strong>c</strong> <code>d</code> <del>e</del></p>", id="text"
    ),
    pytest.param("# One\n## Two\n### Three", "<h2>One</h2>\n<h3>Two</h3>\n<h4>Three</h4>", id="headings begin at 2"),
    pytest.param("## One\n### Two", "<h2>One</h2>\n<h3>Two</h3>", id="headings that begin there stay"),
    pytest.param("### One\n##### Two", "<h3>One</h3>\n<h5>Two</h5>", id="and so do those that begin below"),
    pytest.param("Title\n===\n", "<h2>Title</h2>", id="an underlined heading"),
    pytest.param("wrapped\nline", "<p>wrapped line</p>", id="a wrapped line is one line"),
    pytest.param("broken  \nline", "<p>broken<br>\nline</p>", id="a hard break stays"),
    pytest.param("> said", "<blockquote>\n<p>said</p>\n</blockquote>", id="quote"),
    pytest.param("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>', id="a list that starts at 3"),
    pytest.param(
        "[x](https://a.example/?b=1&c=2)", f'<p><a href="https://a.example/?b=1&amp;c=2" {REL}>x</a></p>', id="link"
    ),
    pytest.param("<me@a.example>", f'<p><a href="mailto:me@a.example" {REL}>me@a.example</a></p>', id="mail"),
    pytest.param(
        "![x](https://a.example/i.png 'y')", '<p><img src="https://a.example/i.png" alt="x"></p>', id="https image"
    ),
    pytest.param("![x](http://a.example/i.png)", "<p>x</p>", id="an image over http is its description"),
    pytest.param("![x](data:image/png;base64,AAAA)", "<p>x</p>", id="an image in the text too"),
    pytest.param("![a > b](http://a.example/i.png)", "<p>a &gt; b</p>", id="with a sign in its text"),
    pytest.param("![x](/i.png)", "<p>x</p>", id="and an image of the site itself"),
    pytest.param("5 < 6 & 7 > 6", "<p>5 &lt; 6 &amp; 7 &gt; 6</p>", id="signs"),
]


@pytest.mark.parametrize(("markdown", "html"), KEPT)
def test_an_articles_markup_is_kept(markdown: str, html: str) -> None:
    assert post_html(markdown) == html


REMOVED = [
    pytest.param("[x](javascript:alert(1))", "<p>&#91;x&#93;(javascript:alert(1))</p>", id="script address"),
    pytest.param("[x](/wp-admin/)", f"<p><a {REL}>x</a></p>", id="a link into the site itself"),
    pytest.param("[x](//a.example/)", f"<p><a {REL}>x</a></p>", id="a link without its scheme"),
    pytest.param(
        "[x](https://a.example 't')", f'<p><a href="https://a.example" {REL}>x</a></p>', id="the title of a link"
    ),
    pytest.param("|a|\n|-:|\n", "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n</table>", id="styles"),
    pytest.param("![](http://a.example/i.png)", "", id="an image that has no description either"),
]


@pytest.mark.parametrize(("markdown", "html"), REMOVED)
def test_what_a_post_must_not_carry_is_removed(markdown: str, html: str) -> None:
    assert post_html(markdown) == html


RAW_HTML = [
    *("a<script>alert(1)</script>b", "<style>p{}</style>", "a<!-- wp:latest-posts /-->b", "<!-- more -->"),
    *("<svg><a href='x'>x</a></svg>", "<form action='x'>x</form>", "<em onclick='x'>a</em>", "<?php x ?>"),
    *("a <- b <c>", "H<sub>2</sub>O", "<p align='center'>", "<a href='jav&amp;#x09;ascript:x'>x</a>", "<![CDATA[x"),
]


@pytest.mark.parametrize("text", RAW_HTML)
def test_raw_html_is_the_text_that_it_was_when_the_article_was_approved(text: str) -> None:
    shown = html.unescape(text)
    published = post_html(text)
    assert (published.count("<"), html.unescape(published)) == (2, f"<p>{shown}</p>")


INERT = [
    pytest.param("[gallery ids='1']", "<p>&#91;gallery ids='1'&#93;</p>", id="a shortcode"),
    pytest.param("```\n[gallery]\n```", "<pre><code>&#91;gallery&#93;\n</code></pre>", id="a shortcode in code"),
    pytest.param(
        "![[gallery]](https://a.example/i.png)",
        '<p><img src="https://a.example/i.png" alt="&#91;gallery&#93;"></p>',
        id="in an attribute",
    ),
    pytest.param(
        "https://video.example/1", "<p>https&#58;//video.example/1</p>", id="an address that becomes a player"
    ),
    pytest.param(
        "<https://a.example/>",
        f'<p><a href="https://a.example/" {REL}>https&#58;//a.example/</a></p>',
        id="a link shows its address",
    ),
]


@pytest.mark.parametrize(("markdown", "html"), INERT)
def test_nothing_is_left_that_the_site_would_act_on(markdown: str, html: str) -> None:
    assert post_html(markdown) == html


def test_a_title_is_shown_literally() -> None:
    assert plain_html(" A <b>\n&  [gallery] ") == "A &lt;b&gt; &amp; &#91;gallery&#93;"


CANONICAL = [
    (
        "HTTPS://WWW.Shop.example:443/dp/1/ref=sr_1_1?utm_source=x&k=v&fbclid=1#reviews",
        "https://www.shop.example/dp/1?k=v",
    ),
    ("http://a.example:8080", "http://a.example:8080/"),
    ("https://a.example/?q=1&&pd_rd_w=x&_ga=2", "https://a.example/?q=1"),
    ("https://[2001:db8::1]/a", "https://[2001:db8::1]/a"),
    ("ftp://a.example/", None),
    ("javascript:alert(1)", None),
    ("https://user@a.example/", None),
    ("https://a.example:port/", None),
    ("", None),
]


@pytest.mark.parametrize(("address", "expected"), CANONICAL)
def test_an_address_has_one_canonical_form(address: str, expected: str | None) -> None:
    assert canonical_url(address) == expected


def test_sources_are_listed_once_in_their_order_and_named_by_host_and_path() -> None:
    listed = source_links(
        ["https://www.b.example/x/?utm_id=1", "https://a.example", "https://www.b.example/x/", "mailto:x"]
    )
    assert [(link.url, link.label) for link in listed] == [
        ("https://www.b.example/x/", "b.example/x"),
        ("https://a.example/", "a.example"),
    ]


def test_sources_that_the_article_does_not_link_to_follow_it_under_a_heading_in_its_language() -> None:
    html = plan_post(article("sub_1"), book(), Subjects(), "de").html
    assert html.endswith(
        f'<h2>Quellen</h2><ul><li><a href="https://shop.example/dp/1" {REL}>shop.example/dp/1</a></li></ul>'
    )


def test_an_article_that_links_to_all_its_sources_gets_no_second_list() -> None:
    content = (
        "Text.\n\n## Sources\n\n- [shop](https://shop.example/dp/1)\n- [reader](https://reviews.example/hobbit#top)\n"
    )
    html = plan_post(article("sub_1", content=content), book(), Subjects(), "en").html
    assert html.count("<ul>") == html.count("<h2>Sources</h2>") == 1


def test_a_source_that_is_missing_from_the_articles_own_list_follows_under_its_heading() -> None:
    content = "Text.\n\n## Sources\n\n- [shop](https://shop.example/dp/1)\n"
    html = plan_post(article("sub_1", content=content), book(), Subjects(), "en").html
    assert html.count("<h2>Sources</h2>") == 1
    assert 'href="https://reviews.example/hobbit"' in html


SLUGS = [
    ("The Hobbit, reviewed!", "the-hobbit-reviewed"),
    ("L'Étranger – Größe & Übermut", "letranger-grosse-ubermut"),
    ("Пригоди їжака", "пригоди-їжака"),
    ("「海辺のカフカ」", "海-辺-の-カ-フ-カ"),
    ("word " * 40, "-".join(["word"] * 16)),
    ("!?", ""),
]


@pytest.mark.parametrize(("title", "slug"), SLUGS)
def test_the_address_of_a_post_is_made_of_its_title(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_the_excerpt_is_the_first_paragraph_cut_at_a_sentence() -> None:
    assert excerpt_of("# Heading\n\n- item\n\nThe *first* paragraph.\n\nThe second.") == "The first paragraph."
    assert excerpt_of("One sentence of some length. " * 20).endswith("length.")
    assert len(excerpt_of("One sentence of some length. " * 20)) <= 300
    assert excerpt_of("# Only a heading") == "Only a heading"


def test_the_alt_text_names_book_and_authors() -> None:
    assert alt_text_of(BookMetadata(title="Good Omens", authors=["A", "B"]), "x") == "Good Omens – A, B"
    assert alt_text_of(BookMetadata(), "The article") == "The article"


@pytest.mark.parametrize(("title", "content"), [("", "text"), (" ", "text"), ("Title", " \n"), ("Title", "<!-- x -->")])
def test_an_article_without_title_or_text_is_not_published(title: str, content: str) -> None:
    with pytest.raises(InvalidInputError, match="edit it"):
        plan_post(article("sub_1", title, content), book(), Subjects(), "en")


def test_at_most_three_themes_become_categories() -> None:
    assert categories(Subjects(themes=["coming of age", "Fantasy", "fantasy", "war", "peace"])) == [
        "Coming of age",
        "Fantasy",
        "War",
    ]


def test_authors_further_themes_and_topics_become_at_most_ten_tags() -> None:
    subjects = Subjects(
        themes=["a1", "b2", "c3", "d4"], topics=["A1", "D4", *(f"topic {letter}" for letter in "abcdefghijk")]
    )
    assert tags(subjects, ["J. R. R. Tolkien"]) == [
        *("J. R. R. Tolkien", "d4"),
        *(f"topic {letter}" for letter in "abcdefgh"),
    ]


NO_NAMES = [
    "",
    "x",
    "1937",
    "<b>bold</b>",
    "[gallery]",
    "https://a.example",
    "a phrase of far too many words",
    "x" * 51,
    "--",
]


@pytest.mark.parametrize("theme", NO_NAMES)
def test_what_cannot_be_a_name_becomes_no_category(theme: str) -> None:
    assert categories(Subjects(themes=[theme])) == []


@pytest.mark.parametrize("theme", ['"Fantasy".', " fantasy\n", "#fantasy"])
def test_names_lose_what_models_put_around_them(theme: str) -> None:
    assert [name.lower() for name in categories(Subjects(themes=[theme]))] == ["fantasy"]


NAMES_WITH_MARKS = [
    *(
        "Dune (series)",
        'O\'Reilly "Classics"',
        "Der „Faust“",
        "“Quoted” topic",
        '"Quoted" topic',
        "(Post)modern novels",
    ),
    *("C#", "C++", "R&B"),
]


@pytest.mark.parametrize("theme", NAMES_WITH_MARKS)
def test_what_ends_a_name_and_belongs_to_it_stays(theme: str) -> None:
    assert categories(Subjects(themes=[f"{theme}."])) == [theme]


async def test_subjects_are_read_from_what_the_review_stored() -> None:
    documents = MemoryDocuments()
    assert await read_subjects(documents, "sub_1") == Subjects([], [])
    insight = {"themes": ["quest"], "target_audience": "", "summary": ""}
    await documents.upsert(BOOKS, {"_id": "sub_1", "extracted": {"web_research": {"insight": insight}}})
    for number, topics in enumerate([["dragons"], ["elves", "gold"], ["gold"]]):
        summary = {"_id": f"sub_1:{number}", "submission_id": "sub_1", "number": number, "topics": topics}
        await documents.upsert(SUMMARIES, summary)
    assert await read_subjects(documents, "sub_1") == Subjects(["quest"], ["gold", "dragons", "elves"])


JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc2\x00\x0b\x08" + struct.pack(">HH", 180, 120) + b"rest"
IMAGES = [
    pytest.param(png(120, 180), ("image/png", ".png"), id="png"),
    pytest.param(b"GIF89a" + struct.pack("<HH", 120, 180) + b"rest", ("image/gif", ".gif"), id="gif"),
    pytest.param(JPEG, ("image/jpeg", ".jpg"), id="jpeg"),
    pytest.param(b"RIFF....WEBPVP8X" + b"." * 8 + b"\x77\0\0\xb3\0\0", ("image/webp", ".webp"), id="webp extended"),
    pytest.param(
        b"RIFF....WEBPVP8 " + b"." * 10 + struct.pack("<HH", 120, 180), ("image/webp", ".webp"), id="webp lossy"
    ),
    pytest.param(
        b"RIFF....WEBPVP8L....\x2f" + struct.pack("<I", 119 | 179 << 14), ("image/webp", ".webp"), id="webp lossless"
    ),
]


@pytest.mark.parametrize(("content", "kind"), IMAGES)
def test_kind_and_size_of_an_image_are_read_from_its_bytes(content: bytes, kind: tuple[str, str]) -> None:
    assert image_facts(content) == ImageFacts(*kind, width=120, height=180)


NO_IMAGES = [
    pytest.param(b"", id="nothing"),
    pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"/>', id="svg"),
    pytest.param(b"<html></html>", id="a page"),
    pytest.param(b"\x89PNG\r\n\x1a\n....IHDR\0\0", id="a png that is cut off"),
    pytest.param(b"\xff\xd8\xff\xe0\x00\x04ab\xff", id="a jpeg that is cut off"),
    pytest.param(b"\xff\xd8\xff\xe0\x00\x00" + b"\0" * 50, id="a jpeg with a damaged marker"),
    pytest.param(b"RIFF....WEBPVP8X", id="a webp that is cut off"),
    pytest.param(b"RIFF....WEBPxxxx" + b"." * 30, id="a webp of no known kind"),
]


@pytest.mark.parametrize("content", NO_IMAGES)
def test_everything_else_is_no_image(content: bytes) -> None:
    assert image_facts(content) is None


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


PREVIEW = segment(0xE1, b"Exif\0\0\xff\xd8preview\xff\xd9")
FRAME = segment(0xC0, b"\x08" + struct.pack(">HH", 180, 120) + b"\x01\x01\x11\x00")
WHOLE_JPEG = b"\xff\xd8" + PREVIEW + FRAME + segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"pixels" * 20 + b"\xff\xd9"
WHOLE_GIF = (
    *(b"GIF89a", struct.pack("<HH", 120, 180), b"\x80\0\0", b"\0;\0;;;"),  # a head and two colours
    *(b"\x21\xf9\x04\0\0\0\0\0", b"\x2c", struct.pack("<HHHH", 0, 0, 120, 180), b"\x80", b"......"),
    *(b"\x02", b"\x05;;;;;", b"\x03;;;", b"\0", b"\x3b"),
)
WEBP_BODY = b"WEBPVP8X" + b"." * 8 + b"\x77\0\0\xb3\0\0" + b"pixels" * 20
WHOLE_IMAGES = [
    pytest.param(png(120, 180), id="png"),
    pytest.param(WHOLE_JPEG, id="jpeg with a preview"),
    pytest.param(b"".join(WHOLE_GIF), id="gif"),
    pytest.param(b"RIFF" + struct.pack("<I", len(WEBP_BODY)) + WEBP_BODY, id="webp"),
]


@pytest.mark.parametrize("content", WHOLE_IMAGES)
@pytest.mark.parametrize("trailing", [b"", b"\0\0\r\n", b"<!-- served -->"], ids=["", "bytes", "text"])
def test_a_whole_image_is_a_cover_whatever_follows_it(content: bytes, trailing: bytes) -> None:
    assert isinstance(judge_cover(content + trailing), Cover)


@pytest.mark.parametrize("content", WHOLE_IMAGES)
def test_an_image_that_is_cut_off_anywhere_is_no_cover(content: bytes) -> None:
    judged = [judge_cover(content[:length]) for length in range(len(content))]
    assert [length for length, one in enumerate(judged) if isinstance(one, Cover)] == []
    assert judged[-1] == NoCover("the cover is cut off: the file ends before the image does")


NO_COVERS = [
    pytest.param(b"GIF89a\x01\0\x01\0", "1 × 1 pixels: a placeholder", id="a dot"),
    pytest.param(b"GIF89a\xff\xff\xff\xff", "more than a site can process", id="a decompression bomb"),
    pytest.param(b"<svg/>", "not a JPEG, PNG, GIF or WebP", id="svg"),
]


@pytest.mark.parametrize(("content", "reason"), NO_COVERS)
def test_an_image_that_is_no_cover_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    judged = judge_cover(content)
    assert isinstance(judged, NoCover)
    assert reason in judged.reason


async def test_a_cover_is_known_by_its_bytes_and_not_by_what_its_sender_calls_it() -> None:
    mislabelled = FetchedPage(COVER_URL, COVER_URL, 200, png(120, 180), "text/html")
    cover = await read_cover(MemoryPages({COVER_URL: mislabelled}), COVER_URL)
    assert isinstance(cover, Cover)
    assert cover.facts.content_type == "image/png"
    assert len(cover.hash) == 12


async def test_why_a_cover_could_not_be_fetched_is_told() -> None:
    guarded = MemoryPages({COVER_URL: BlockedUrlError("10.0.0.1 is not a public address")})
    assert await read_cover(guarded, COVER_URL) == NoCover(
        "the cover could not be fetched: 10.0.0.1 is not a public address"
    )
    large = MemoryPages({COVER_URL: b"x" * 8_000_001})
    assert "larger than 8,000,000 bytes" in getattr(await read_cover(large, COVER_URL), "reason", "")
    assert await read_cover(MemoryPages(), None) == NoCover("the book has no cover image")
