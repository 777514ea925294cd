"""The article as a text: what its writer is given, what is wrong with a draft, and cleaning its Markdown."""

from __future__ import annotations

import html
import re

from spine.contracts.books import ConsolidatedBook
from spine.contracts.texts import LONGEST_TITLE, DraftArticle, KnowledgeBase, WebResearch
from tasks.book_review.book_facts import fenced_facts, title_and_authors
from tasks.book_review.knowledge import fenced_passages, insight_values
from tasks.book_review.prompt_data import fenced
from tasks.book_review.writing.markdown_text import blocks, count_words
from tasks.book_review.writing.text_units import same_text

__all__ = [
    "article_material",
    "article_problem",
    "clean_markdown",
    "count_words",
    "length_problem",
    "structure_problem",
]

_CONTEXT_BUDGET = 8_000  # characters
_HEADINGS = 2
_WRAPPED = re.compile(r"\A\s*(`{3,}|~{3,})[ \t]*(?:markdown|md)?[ \t]*\n(.*?)\n?\1?\s*\Z", re.DOTALL | re.IGNORECASE)
_TITLE_LINE = re.compile(
    r"\A\s*(?:#{1,6}[ \t]+(?P<atx>[^\n]+?)[ \t]*#*|(?P<setext>[^\n]+)\n(?:=+|-{3,}))[ \t]*(?:\n|\Z)"
)
_DROPPED_WITH_TEXT = re.compile(
    r"<(script|style|iframe|object|svg|form|template|noscript)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z](?![A-Za-z+.-]*:)[^<>]*>|<![A-Za-z][^<>]*>|<\?[^<>]*>")
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]*:[^\s<>]*)>")
_OPEN_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!(?:https?|mailto):[^\s<>]+>)")
_IMAGE = re.compile(r"!\[(?:[^\[\]]|\[[^\[\]]*\])*\](?:\((?:[^()\n]|\([^()\n]*\))*\)|\[[^\]]*\])?")
# Possessive: what it took it never gives back, so that a link without an end is looked at once.
_LINK = re.compile(
    r"\[((?:[^\[\]]|\[[^\[\]]*\])*+)\]\(\s*+(<[^<>\n]*+>|(?:[^()\s]|\([^()\s]*\))*+)((?:[^()]|\([^()\n]*\))*+)\)"
)
_DEFINITION = re.compile(r"^[ ]{0,3}\[[^\]\n]+\]:[ \t]*\n?[ \t]*(\S+).*$", re.MULTILINE)
_LOOSE_ENDS = " ,;:.-–—([…"
_SAFE_SCHEMES = frozenset({"http", "https", "mailto"})


def article_material(
    book: ConsolidatedBook,
    knowledge: KnowledgeBase,
    research: WebResearch,
    language: str,
    min_words: int,
    max_words: int,
) -> dict[str, str]:
    """Values for the prompt `article`."""
    return {
        **title_and_authors(book.metadata),
        "facts": fenced_facts(book),
        "context": fenced("brief for the writer", knowledge.context, _CONTEXT_BUDGET),
        **insight_values(research),
        "passages": fenced_passages(knowledge.passages),
        "language": language,
        "min_words": str(min_words),
        "max_words": str(max_words),
    }


def article_problem(article: DraftArticle, min_words: int, max_words: int) -> str | None:
    """What a writer has to mend, as one text to ask again with; None for a draft that will do."""
    problems = [structure_problem(article), length_problem(article, min_words, max_words)]
    return " ".join(problem for problem in problems if problem) or None


def length_problem(article: DraftArticle, min_words: int, max_words: int) -> str | None:
    """Whether the draft is too short or too long, with what to do about it."""
    count = count_words(article.content)
    if count < min_words:
        return (
            f"The article has {count} words and must have at least {min_words}: write about {min_words - count} words "
            "more from the material, without inventing or repeating anything."
        )
    if count > max_words:
        return (
            f"The article has {count} words and must have at most {max_words}: shorten it by at least "
            f"{count - max_words} words and keep every section complete."
        )
    return None


def structure_problem(article: DraftArticle) -> str | None:
    """Whether the draft lacks its title or its headings."""
    problems: list[str] = []
    if not article.title.strip():
        problems.append("The article has no title: give it one that names the book.")
    if len(article.title) > LONGEST_TITLE:
        problems.append(f"The title has {len(article.title)} characters: shorten it to at most 90.")
    headings = sum(block.kind == "heading" for block in blocks(article.content))
    if headings < _HEADINGS:
        problems.append(f"The article has {headings} headings: structure it with at least {_HEADINGS} `##` headings.")
    return " ".join(problems) or None


def clean_title(title: str) -> str:
    """The title on one line, without signs that no page shows; a long one ends at a word, with an ellipsis."""
    line = " ".join(title.replace("\x00", "").split())
    if len(line) <= LONGEST_TITLE:
        return line
    whole_words = line[:LONGEST_TITLE].rpartition(" ")[0]
    # Without a space near the end, as in Chinese, there is no word to end at.
    kept = whole_words if len(whole_words) > LONGEST_TITLE // 2 else line[: LONGEST_TITLE - 1]
    return f"{kept.rstrip(_LOOSE_ENDS)}…"


def clean_markdown(content: str, title: str = "") -> str:
    """The Markdown without what a model wraps around it and what no article may carry.

    Fences around the whole, a first heading that repeats `title`, raw HTML, images and links to anything but web and
    mail addresses are removed; the text of such a link stays.
    """
    text = content.replace("\r\n", "\n").replace("\x00", "")
    wrapped = _WRAPPED.match(text)
    text = wrapped.group(2) if wrapped else text
    text = _without_links(_IMAGE.sub("", _without_html(text)))
    text = _without_title(text, title)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", _kept_break, text, flags=re.MULTILINE)).strip() + "\n"


def _kept_break(space: re.Match[str]) -> str:
    return "  " if space.group() == "  " else ""  # two spaces are a line break in Markdown


def _without_title(text: str, title: str) -> str:
    first = _TITLE_LINE.match(text)
    if not first or not title:
        return text
    heading = re.sub(r"[*_`]", "", first["atx"] or first["setext"])
    return text[first.end() :] if same_text(heading, title) else text


def _without_html(text: str) -> str:
    before = None
    while before != text:  # removing one tag can join the halves of another
        before = text
        text = _TAG.sub("", _COMMENT.sub("", _DROPPED_WITH_TEXT.sub("", text)))
    return _OPEN_TAG.sub("&lt;", _AUTOLINK.sub(_safe_autolink, text))


def _without_links(text: str) -> str:
    text = _DEFINITION.sub(lambda match: match.group() if _is_safe(match.group(1)) else "", text)
    before = None
    while before != text:
        before = text
        text = _LINK.sub(lambda match: match.group() if _is_safe(match.group(2)) else match.group(1), text)
    return text


def _safe_autolink(match: re.Match[str]) -> str:
    return match.group() if _is_safe(match.group(1)) else ""


def _is_safe(address: str) -> bool:
    """Judged as a browser reads it: entities resolved, escapes, blanks and control characters ignored."""
    plain = re.sub(r"[\x00-\x20\x7f-\xa0\\]", "", html.unescape(address)).strip("<>").lower()
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", re.sub(r"%3a", ":", plain))
    return scheme is None or scheme.group(1) in _SAFE_SCHEMES
