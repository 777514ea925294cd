"""Texts on their way from a link to an article."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field


class MainText(BaseModel):
    """The main text of a page, without its furniture."""

    text: str
    title: str | None = None
    author: str | None = None
    date: str | None = Field(default=None, description="ISO date")


class BibliographicCandidate(BaseModel):
    """What one extra link says about the book itself; kept for consolidation."""

    title: str | None = None
    authors: list[str] | None = None
    isbn_10: str | None = None
    isbn_13: str | None = None
    publisher: str | None = None
    publication_date: str | None = None
    pages: int | None = None
    language: str | None = None
    description: str | None = None


class LinkPage(BaseModel):
    """An extra link after fetching: its text and what it says about the book."""

    url: str
    final_url: str | None = None
    title: str | None = None
    author: str | None = None
    date: str | None = None
    text: str = ""
    fetched_by: str | None = Field(default=None, description="http | browser")
    bibliography: BibliographicCandidate = Field(default_factory=BibliographicCandidate)
    error: str | None = Field(default=None, description="why the link gave nothing; the run goes on without it")


class LinkSummary(BaseModel):
    """A model's reading of one link."""

    summary: str = Field(description="two to six sentences, only what the page says")
    topics: list[str] = Field(default_factory=list, description="three to eight short topics")
    key_points: list[str] = Field(default_factory=list, description="three to eight statements of the page")


class ResearchNote(BaseModel):
    """One finding of internet research, or the note that a source gave none."""

    source: str = Field(description="openlibrary | wikipedia | tavily | …")
    url: str | None = None
    title: str | None = None
    text: str = ""
    error: str | None = None
    unreachable: bool = Field(default=False, description="the source did not answer; asking again may help")


class ResearchInsight(BaseModel):
    """What research says about the book as a whole (`book.extracted.web_research`)."""

    themes: list[str] = Field(default_factory=list)
    target_audience: str = ""
    summary: str = ""


class WebResearch(BaseModel):
    """Research as it is kept: the raw notes and the reading of them."""

    notes: list[ResearchNote] = Field(default_factory=list[ResearchNote])
    insight: ResearchInsight = Field(default_factory=ResearchInsight)


class Passage(BaseModel):
    """A piece of a source with the topic it speaks of."""

    source: str
    url: str | None = None
    text: str


class KnowledgeBase(BaseModel):
    """What the article may draw on; stored in `knowledge_base`."""

    context: str = Field(description="the brief for the writer, in plain text")
    passages: list[Passage] = Field(default_factory=list[Passage])
    topic_index: dict[str, list[int]] = Field(default_factory=dict, description="topic → numbers of passages")


class ContextBrief(BaseModel):
    """A model's answer to the context prompt: what the writer should know, in plain text."""

    context: str = Field(min_length=1, description="the brief for the writer")


LONGEST_TITLE = 300
"""Characters of an article's title, whoever gives it."""

_PROSE_FROM_WORDS = 80


class DraftArticle(BaseModel):
    """A model's answer to the article prompt."""

    title: str = Field(min_length=1)
    content: str = Field(min_length=1, description="Markdown with headings")

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """A plain Markdown answer read as an article: its first heading is the title. None when it is not one."""
        lines = text.strip().splitlines()
        first = next((n for n, line in enumerate(lines) if line.startswith("#") and line.strip("# ")), None)
        if first is None or len(text.split()) < _PROSE_FROM_WORDS:
            return None
        body = "\n".join(lines[first + 1 :]).strip()
        return cls(title=lines[first].strip("# "), content=body) if body else None


class Claim(BaseModel):
    """A number, date, name or ISBN in the article, held against the facts."""

    text: str = Field(description="as it stands in the article")
    kind: str = Field(description="number | date | name | isbn")
    supported: bool
    evidence: str | None = Field(default=None, description="which fact or source supports it")
    sentence: str = Field(default="", description="the sentence that carries it")


class ExaminedText(BaseModel):
    """What is to be said of an article's text, whoever wrote it."""

    word_count: int
    claims: list[Claim] = Field(default_factory=list[Claim])
    flags: list[str] = Field(default_factory=list, description="what a reviewer should know")


class Article(BaseModel):
    """One revision of an article; stored in `articles`."""

    article_id: str
    submission_id: str
    title: str
    content: str = Field(description="Markdown")
    word_count: int
    revision: int = 1
    status: str = Field(default="ready_for_review", description="ready_for_review | approved | published | rejected")
    post_id: int | None = Field(default=None, description="its post on the site, once it was published")
    post_url: str | None = None
    claims: list[Claim] = Field(default_factory=list[Claim])
    flags: list[str] = Field(default_factory=list, description="what a reviewer should know, e.g. too_short")
    sources: list[str] = Field(default_factory=list, description="addresses the article rests on")
    made_from: str | None = Field(default=None, description="key of the stage run that wrote it; None for an edit")
    author: str = Field(default="", description="provider/model, or the editor who made this revision")
    created: str = ""
