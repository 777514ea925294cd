"""A persona, what is asked of its ingestion, the chunks it becomes and the account of every source file."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from spine.contracts.timestamps import Timestamp, utc_now

PersonaId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""Names the persona's folder and its vector collections, so only letters, digits, `-` and `_`."""

CollectionName = Literal["works", "quotes", "profile"]
COLLECTIONS: tuple[CollectionName, ...] = get_args(CollectionName)

Trust = Literal["authored", "attributed", "described"]
"""Whose words a chunk holds: the persona's own, words that others say are the persona's, or words about the persona.

None of the three is an instruction to a model: a passage is material to quote.
"""

TRUST_OF: dict[CollectionName, Trust] = {"works": "authored", "quotes": "attributed", "profile": "described"}

MOST_PLACES = 200
"""How many places a report names per file; the counts beside them are always exact."""


class PersonaStatus(StrEnum):
    DRAFT = "draft"
    INGESTING = "ingesting"
    ACTIVE = "active"
    FAILED = "failed"


class CollectionStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class LeftOut(BaseModel):
    """A file, or a place in a file, that did not become chunks, and why."""

    model_config = ConfigDict(frozen=True)

    file: str = Field(description="relative to the persona's folder")
    line: int | None = Field(default=None, description="from 1")
    part: str | None = Field(default=None, description="a page or a chapter, where a file has no lines")
    reason: str


class Duplicate(BaseModel):
    """A chunk that was skipped because the collection holds its text already."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int | None = None
    section: str = ""
    start: int
    end: int
    kind: Literal["exact", "near"]
    of: str = Field(description="id of the chunk that was kept")
    similarity: float = Field(ge=0, le=1, description="share of three-word sequences the two have in common")


class SourceReport(BaseModel):
    """The account of one file: `stored` = `chunks` - `exact_duplicates` - `near_duplicates`."""

    file: str
    collection: CollectionName
    work: str
    kind: str = Field(description="txt | md | html | epub | pdf | docx | jsonl | json | csv")
    size: int = Field(description="bytes")
    title: str = ""
    language: str = Field(default="und", description="ISO 639-1; und where it cannot be told")
    encoding: str | None = None
    characters: int = Field(default=0, description="length of the normalised text")
    chunks: int = Field(default=0, description="chunks that the text gives, duplicates included")
    exact_duplicates: int = 0
    near_duplicates: int = 0
    duplicates: list[Duplicate] = Field(default_factory=list[Duplicate], description="the first ones")
    left_out: list[LeftOut] = Field(default_factory=list[LeftOut], description="the first ones")
    left_out_total: int = 0

    @property
    def stored(self) -> int:
        return self.chunks - self.exact_duplicates - self.near_duplicates

    @property
    def unreadable(self) -> bool:
        """Nothing came out of the file."""
        return self.chunks == 0

    def leave_out(self, reason: str, *, line: int | None = None, part: str | None = None) -> None:
        self.left_out_total += 1
        if len(self.left_out) < MOST_PLACES:
            self.left_out.append(LeftOut(file=self.file, line=line, part=part, reason=reason))

    def skip(self, duplicate: Duplicate) -> None:
        if duplicate.kind == "exact":
            self.exact_duplicates += 1
        else:
            self.near_duplicates += 1
        if len(self.duplicates) < MOST_PLACES:
            self.duplicates.append(duplicate)


class CollectionView(BaseModel):
    """How far one collection of a persona has come."""

    status: CollectionStatus = CollectionStatus.PENDING
    progress: float = Field(default=0.0, ge=0, le=100, description="percent")
    total_vectors: int = 0
    error: str | None = None
    job_id: str | None = Field(default=None, description="the latest job")
    left_out: list[LeftOut] = Field(default_factory=list[LeftOut], description="of the latest run, the first ones")
    left_out_total: int = 0
    started: Timestamp | None = None
    finished: Timestamp | None = None


def _all_pending() -> dict[CollectionName, CollectionView]:
    return {name: CollectionView() for name in COLLECTIONS}


class Persona(BaseModel):
    """Stored in `personas` under its id; the subject of `persona_ingestion` jobs."""

    persona_id: PersonaId
    status: PersonaStatus = PersonaStatus.DRAFT
    collections: dict[CollectionName, CollectionView] = Field(default_factory=_all_pending)
    embedding_model: str | None = None
    job_id: str | None = Field(default=None, description="the latest parent job")
    created: Timestamp = Field(default_factory=utc_now)
    updated: Timestamp = Field(default_factory=utc_now)

    @property
    def total_vectors(self) -> int:
        return sum(view.total_vectors for view in self.collections.values())


class IngestRequest(BaseModel):
    """The body of `POST /api/personas/{id}/ingest`."""

    model_config = ConfigDict(extra="forbid")

    collections: list[CollectionName] = Field(default_factory=lambda: list(COLLECTIONS), min_length=1)
    source: str | None = Field(default=None, max_length=500, description="a folder under MILLRACE_PERSONAS")

    @field_validator("collections")
    @classmethod
    def _each_once(cls, value: list[CollectionName]) -> list[CollectionName]:
        return list(dict.fromkeys(value))

    @field_validator("source")
    @classmethod
    def _stays_inside(cls, value: str | None) -> str | None:
        """Shape only; whether a link leads out of the folder is seen when it is opened."""
        if value is None:
            return None
        path = PurePosixPath(value.strip())
        if not value.strip() or path.is_absolute() or ".." in path.parts or {"\\", "\0"} & set(value):
            raise ValueError("must be a folder under the personas folder, such as `eminescu`, without `..`")
        return str(path)


class Chunk(BaseModel):
    """A passage that is embedded and stored. `text` is the work's normalised text from `start` to `end`."""

    model_config = ConfigDict(frozen=True)

    id: str
    persona_id: str
    collection: CollectionName
    file: str
    work: str = Field(description="the file's path inside its collection, without its ending")
    title: str
    section: str = Field(description="headings above the passage, outermost first, joined by ` › `")
    text: str
    start: int = Field(description="characters")
    end: int
    tokens: int = Field(description="of the embedding model")
    language: str
    content_hash: str
    trust: Trust
    author: str | None = Field(default=None, description="who is quoted, in `quotes`")

    def metadata(self) -> dict[str, str | int]:
        """What is stored beside the vector: flat, no nulls, with the `fingerprint` that tells one from another."""
        facts: dict[str, Any] = self.model_dump(exclude={"id", "text"}, exclude_none=True)
        written = json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()
        return {**facts, "fingerprint": hashlib.blake2b(written, digest_size=8).hexdigest()}
