"""Whatever is handed to a parser: a result or an error of ours, in bounded time. Never anything else."""

from __future__ import annotations

import base64
import io
import json
import resource
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.limits import check_depth
from gateway.pages.article_html import article_html
from gateway.problems import ProblemError
from spine.adapters.guarded_post import post_for_json
from spine.adapters.model_answers import ToolCall, read_answer, written_call
from spine.adapters.model_mending import mend
from spine.adapters.research_sources import OpenLibrary, Wikipedia
from spine.backlog_file import backlog_text, read_backlog
from spine.batch_rows import read_rows, rows_of_table
from spine.contracts.books import BookMetadata
from spine.contracts.texts import Claim
from spine.document_cursors import cursor_after, read_cursor, wheres_after
from spine.errors import ExternalServiceError, MillraceError
from spine.inbound.manychat import read_request
from spine.inbound.telegram import read_update
from spine.research_answers import read_openlibrary, read_wikipedia, wikipedia_titles
from spine.strict_json import read_json_object
from spine.terminal_text import plain_text
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from tasks.book_review.amazon_page import parse_amazon_page
from tasks.book_review.goodreads_page import parse_goodreads_page
from tasks.book_review.main_text import extract_main_text
from tasks.book_review.product_page import parse_bibliography, parse_product_page
from tasks.module_graph.conditions import holds
from tasks.module_graph.declaration import read_graph
from tasks.persona_ingestion.reading.items import Reader
from tasks.persona_ingestion.reading.kinds import READERS
from tests.conftest import PROJECT_ROOT, SHARED_DATA
from tests.gateway.evil_data import evil_elements
from tests.security.mutations import damaged, over_within
from tests.unit.persona_ingestion.source_files import docx, epub, packed, page, pdf

URL = "https://shop.example/dp/1"
SLOWEST_SECONDS = 5.0
MOST_MEMORY = 100 << 20
FEW, MANY = 40, 2000
QUIET: Any = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


def _few_and_many(check: Callable[[int], None]) -> Any:
    """The check with a few examples, and with many among the slow tests."""
    counts = [pytest.param(FEW, id="some"), pytest.param(MANY, id="many", marks=pytest.mark.chaos)]
    return pytest.mark.timeout(600)(pytest.mark.parametrize("examples", counts)(check))


def check_each(read: Callable[[bytes], object], originals: Sequence[bytes], examples: int) -> None:
    """That `read` gives a result or an error of ours for so many damaged originals."""

    @settings(max_examples=examples, derandomize=True, **QUIET)
    @given(damaged(originals))
    def each(raw: bytes) -> None:
        with over_within(SLOWEST_SECONDS):
            try:
                read(raw)
            except MillraceError as error:
                assert error.message

    each()


# -- pages ---------------------------------------------------------------------------------------------------------


def saved_pages(pattern: str) -> list[bytes]:
    """Real pages where they lie beside the project, else those of the tests."""
    found = sorted(SHARED_DATA.glob(pattern)) or sorted((PROJECT_ROOT / "tests" / "fixtures").glob("*/*.html"))
    return [path.read_bytes()[:400_000] for path in found[:12]]


def _bibliography(raw: bytes) -> object:
    return parse_bibliography(raw, URL)


@pytest.mark.parametrize(
    ("read", "pattern"),
    [
        pytest.param(lambda raw: parse_amazon_page(raw, URL), "amazon/*.html", id="amazon"),
        pytest.param(lambda raw: parse_goodreads_page(raw, URL), "goodreads/*.html", id="goodreads"),
        pytest.param(lambda raw: parse_product_page(raw, URL), "[ag]*/*.html", id="any product"),
        pytest.param(_bibliography, "[ag]*/*.html", id="bibliography"),
        pytest.param(lambda raw: extract_main_text(raw, URL), "extraction/*/*.html", id="main text"),
    ],
)
@_few_and_many
def test_a_damaged_page(read: Callable[[bytes], object], pattern: str, examples: int) -> None:
    check_each(read, saved_pages(pattern), examples // 3)


# -- sources of personas -------------------------------------------------------------------------------------------

PROSE = "# A title\n\nThe keeper of the clock pays for every hour.\n\n> “Quoted,” said she. — Ann\n\n" * 20
QUOTES = [{"text": "The tide pays back every hour.", "author": "Ilse Marrow"}] * 20
SOURCES: dict[str, bytes] = {
    "txt": PROSE.encode("utf-16"),
    "md": f"---\ntitle: x\n---\n{PROSE}".encode(),
    "html": page(f"<h1>T</h1><p>{PROSE}</p>").encode(),
    "epub": epub({"one.xhtml": page("<h1>One</h1><p>Text.</p>"), "two.xhtml": page("<p>More.</p>")}, title="T"),
    "pdf": pdf([["The first line", "and the second"], ["Another page"]], bookmarks={0: "One"}),
    "docx": docx([("Heading1", "One"), ("Normal", "The text.")], title="T", styles={"Heading1": "heading 1"}),
    "jsonl": b"\n".join(json.dumps(quote).encode() for quote in QUOTES),
    "json": json.dumps(QUOTES).encode(),
    "csv": b"text;author\n" + b'"The tide; pays";Ilse\n' * 20,
}


def drained(reader: Reader) -> Callable[[bytes], object]:
    return lambda raw: list(islice(reader(io.BytesIO(raw)), 200_000))


@pytest.mark.parametrize("kind", READERS)
@_few_and_many
def test_a_damaged_source_of_a_persona(kind: str, examples: int) -> None:
    check_each(drained(READERS[kind]), [SOURCES[kind]], examples)


@pytest.mark.parametrize("kind", READERS)
def test_a_source_that_is_of_another_kind(kind: str) -> None:
    for other in SOURCES.values():
        try:
            drained(READERS[kind])(other)
        except MillraceError as error:
            assert error.message


def zeros(size: int) -> bytes:
    return b"<p>" + b" " * size


BOMBS = {
    "epub": lambda: packed(
        {
            "META-INF/container.xml": '<c><rootfiles><rootfile full-path="b.opf"/></rootfiles></c>',
            "b.opf": '<p><manifest><item id="c" href="c.xhtml"/></manifest><spine><itemref idref="c"/></spine></p>',
            "c.xhtml": zeros(12 << 20),
        }
    ),
    "docx": lambda: packed({"word/document.xml": zeros(12 << 20)}),
    "billion laughs": lambda: packed(
        {
            "word/document.xml": '<!DOCTYPE d [<!ENTITY a "ha">'
            + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
            + "]><d>&m;</d>"
        }
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_archive_that_unpacks_to_a_giant_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.persona_ingestion.reading.archives.LARGEST_MEMBER", 8 << 20)
    bomb = BOMBS[name]()
    assert len(bomb) < 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with over_within(SLOWEST_SECONDS * 3):
        try:
            for item in READERS["epub" if name == "epub" else "docx"](io.BytesIO(bomb)):
                assert len(repr(item)) < 1 << 20
        except MillraceError as error:
            assert error.message
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < MOST_MEMORY


# -- declarations, cursors and answers -----------------------------------------------------------------------------

GRAPH = b"""name: question
start: validate
modules:
  validate: [{to: history, when: "answerable == true"}, facts]
  history: {to: answer, retries: 2}
  facts: answer
  answer: [{validate: {max_rounds: 2}}]
"""
LAUGHS = b"x0: &x0 %s\n" + b"".join(
    b"x%d: &x%d [%s]\n" % (n, n, b", ".join([b"*x%d" % (n - 1)] * 9)) for n in range(1, 30)
)
GRAPH_ODD = (
    b"modules: {a: 5}",
    b"modules: {a: {to: 5}}",
    b"start: 5\nmodules: {a: b, b: }",
    b"start: {x: y}\nmodules: {a: [], b: }",
    b"modules: {a: [{b: [1]}]}",
    b"modules: {a: [{b: 5}]}",
    b"modules: {? [a, b] : c}",
    b"modules: {1: 2, 2001-01-01: x}",
    b"modules: " + b"[" * 20_000,
    b"modules: {a: " + b"{b: " * 20_000,
    LAUGHS.replace(b"%s", b"[1]") + b"modules: {a: [*x29]}",
    LAUGHS.replace(b"%s", b"{to: 1}") + b"modules: {a: {when: *x29}}",
    b"a: &a [*a]\nmodules: *a",
    b"modules: !!python/object/apply:os.system ['true']",
    b"modules: &a {a: *a}",
)  # fmt: skip
GRAPH_PYTHON = b"GRAPH_SETTINGS = {'name': 'q'}\nGRAPH_CONNECTIONS = {'a': ['b'], 'b': [{'to': 'c'}], 'c': []}\n"
PYTHON_ODD = (
    b"GRAPH_CONNECTIONS = " + b"(" * 5000,
    b"GRAPH_CONNECTIONS = " + b"-" * 50_000 + b"1",
    b"GRAPH_CONNECTIONS = {" + b"[" * 150 + b"]" * 150 + b": 1}",
    b"GRAPH_CONNECTIONS = {" + b"1+" * 20_000 + b"1: 1}",
    b"GRAPH_CONNECTIONS = {[]: 1}",
    b"GRAPH_CONNECTIONS = {'a': " + b"9" * 6000 + b"}",
    b"GRAPH_CONNECTIONS = {**x}",
    b"GRAPH_CONNECTIONS = {'a': 1\x00}",
    b"GRAPH_CONNECTIONS = {'a': {1, 2}}",
    b"GRAPH_CONNECTIONS = {'a': ...}",
)


def graph_reader(folder: Path, suffix: str) -> Callable[[bytes], object]:
    path = folder / f"graph{suffix}"

    def read(raw: bytes) -> object:
        path.write_bytes(raw)
        return read_graph(path)

    return read


@_few_and_many
def test_a_damaged_graph(tmp_path: Path, examples: int) -> None:
    check_each(graph_reader(tmp_path, ".yaml"), [GRAPH], examples // 2)
    check_each(graph_reader(tmp_path, ".py"), [GRAPH_PYTHON], examples // 2)


@pytest.mark.parametrize(
    ("suffix", "raw"),
    [*((".yaml", raw) for raw in GRAPH_ODD), *((".py", raw) for raw in PYTHON_ODD)],
    ids=lambda value: repr(value[:40]),
)
def test_a_graph_that_was_written_to_break_the_reader(tmp_path: Path, suffix: str, raw: bytes) -> None:
    with over_within(SLOWEST_SECONDS):
        try:
            graph_reader(tmp_path, suffix)(raw)
        except MillraceError as error:
            assert len(error.message) < 5_000


CONDITIONS = [b"answerable == true and not (score > 0.5 or name in ['a', 'b'])"]


@_few_and_many
def test_a_damaged_condition(examples: int) -> None:
    check_each(
        lambda raw: holds(raw.decode("latin-1"), {"answerable": True, "score": 1, "name": "a"}), CONDITIONS, examples
    )


BACKLOG = json.dumps([{"card_id": "A-1", "title": "T", "squad": "web", "priority": 3, "depends_on": []}] * 2).encode()


@_few_and_many
def test_a_damaged_backlog(examples: int) -> None:
    check_each(lambda raw: read_backlog(backlog_text(raw)), [BACKLOG], examples)


@pytest.mark.parametrize("raw", [b"9" * 6000, b'[{"priority": ' + b"9" * 6000 + b"}]", b"[" * 100_000, b"\xff", b""])
def test_a_backlog_that_was_written_to_break_the_reader(raw: bytes) -> None:
    with pytest.raises(MillraceError):
        read_backlog(backlog_text(raw))


TABLE = (
    b"amazon_url,language,other_links\n" + b'https://shop.example/dp/1,en,"https://a.example|https://b.example"\n' * 5
)


@_few_and_many
def test_a_damaged_table_of_books(examples: int) -> None:
    check_each(lambda raw: read_rows(rows_of_table(raw)), [TABLE, TABLE.replace(b",", b";")], examples)


CREATED = [("created", -1)]


async def _paged(cursor: bytes) -> object:
    values = read_cursor("jobs", CREATED, cursor.decode("latin-1"))
    return [await MemoryDocuments().find("jobs", where) for where in wheres_after(None, CREATED, values)]


def _page(cursor: bytes) -> object:
    coroutine = _paged(cursor)
    try:
        while True:
            coroutine.send(None)
    except StopIteration as ended:
        return ended.value


@_few_and_many
def test_a_damaged_cursor(examples: int) -> None:
    real = cursor_after("jobs", CREATED, {"_id": "job_1", "created": "2026-01-01T00:00:00Z"}).encode()
    plain = base64.urlsafe_b64decode(real + b"=" * (-len(real) % 4))
    check_each(_page, [real], examples)
    check_each(lambda raw: _page(base64.urlsafe_b64encode(raw)), [plain], examples)


@pytest.mark.parametrize("plain", [b"[" * 1400, b'{"a":' * 280, b"9" * 1400, b"NaN", b'["x", [NaN]]', b"null", b"{}"])
def test_a_cursor_that_was_written_to_break_the_reader(plain: bytes) -> None:
    with pytest.raises(MillraceError):
        _page(base64.urlsafe_b64encode(plain))


class Answer(BaseModel):
    title: str
    pages: int | None = None
    links: list[str] = []


def _answered(raw: bytes) -> object:
    text = raw.decode("utf-8", "replace")
    written_call(text, {"final_result"})
    return read_answer(text, [ToolCall("final_result", text)], Answer)


def read_research(raw: bytes) -> object:
    """The JSON of any server out there; one that is none was refused before."""
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return read_openlibrary(record, "https://ol.example"), read_wikipedia(record), wikipedia_titles(record)


ANSWERS = [b'<think>so</think>```json\n{"title": "T", "pages": 3, "links": ["a"]}\n```', b'{"title": "T"}']
COMPLETION = json.dumps(
    {"choices": [{"message": {"content": "x", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}]}
).encode()
RECORDS = [
    b'{"title": "T", "key": "/works/1", "subjects": ["a"], "description": {"value": "d"}, "extract": "x"}',
    b'{"query": {"search": [{"title": "T"}]}, "type": "standard", "content_urls": {"desktop": {"page": "u"}}}',
]


@pytest.mark.parametrize(
    ("read", "originals"),
    [
        pytest.param(_answered, ANSWERS, id="a model's answer"),
        pytest.param(mend, [COMPLETION], id="a server's completion"),
        pytest.param(read_research, RECORDS, id="a research source's record"),
        pytest.param(read_json_object, [COMPLETION], id="a webhook's body"),
        pytest.param(lambda raw: plain_text(raw.decode("latin-1")), [b"\x1b[1;32mok\x1b[0m"], id="terminal output"),
    ],
)
@_few_and_many
def test_a_damaged_answer(read: Callable[[bytes], object], originals: list[bytes], examples: int) -> None:
    check_each(read, originals, examples)


TOO_DEEP = b"[" * 100_000


async def test_a_research_source_that_answers_with_bottomless_json_is_a_source_that_failed() -> None:
    book = BookMetadata(title="The Tide Clock", isbn_13="9780064471831")
    for source in (OpenLibrary, Wikipedia):
        notes = await source(MemoryPages(lambda _: TOO_DEEP)).search(book, "en")
        assert [note for note in notes if note.text or note.url] == []


async def test_a_server_that_answers_a_post_with_bottomless_json_is_a_server_that_failed() -> None:
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=TOO_DEEP))
    ) as client:
        with pytest.raises(ExternalServiceError):
            await post_for_json(client, "https://search.example", {}, {})


def _gated(raw: bytes) -> dict[str, Any]:
    try:
        check_depth(raw, 64)
    except ProblemError:
        return {}
    return read_json_object(raw)


@pytest.mark.parametrize("folder", ["telegram/updates", "manychat"])
@_few_and_many
def test_a_damaged_webhook(shared_data: Path, folder: str, examples: int) -> None:
    read: Callable[[dict[str, Any], str], object] = read_update if folder.startswith("telegram") else read_request
    originals = [path.read_bytes() for path in sorted((shared_data / folder).glob("*.json"))]
    check_each(lambda raw: read(_gated(raw), "shop"), originals, examples)


# -- Markdown ------------------------------------------------------------------------------------------------------

MARKDOWN = [
    b"## One\n\n[a](javascript:alert(1)) <img src=x onerror=alert(1)> **b** `c`\n\n| a | b |\n|---|---|\n| c | d |\n",
    b"## Two\n\n![x](data:text/html,x)\n\n> - 1871 ~~x~~ [b]: http://x\n\n```html\n<script>\n```\n",
    b"<scr<script>ipt>alert(1)</scr</script>ipt>\n\n"
    b"[x](vbscript:a '\"onmouseover=alert(1)')\n\n<a href='&#106;avascript:x'>",
]  # fmt: skip


def _sanitised(raw: bytes) -> object:
    shown = article_html(
        raw.decode("utf-8", "replace"), [Claim(text="1871", kind="date", supported=False, sentence="x")]
    )
    assert evil_elements(str(shown).replace("http://", "https://").replace("mailto:", "https://")) == []
    return shown


@_few_and_many
def test_damaged_markdown_never_becomes_active(examples: int) -> None:
    check_each(_sanitised, MARKDOWN, examples * 3)


@settings(max_examples=200, derandomize=True, **QUIET)
@given(st.text(alphabet="<>\"'=/:;&#()[]`*_! \n\tjavscriptonerhfdl", max_size=300))
def test_no_text_made_of_markup_becomes_active(text: str) -> None:
    _sanitised(text.encode())
