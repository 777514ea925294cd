"""What an ingestion gives back: the counts of every file, and what became of the collection."""

from __future__ import annotations

from pydantic import BaseModel, Field

from spine.contracts.personas import CollectionName, CollectionStatus, Duplicate, LeftOut, SourceReport

MOST_FILES = 2000
"""How many files a result tells one by one; its sums cover all of them."""

MOST_NAMED = 200
"""How many duplicates and left-out places a result names; the counts beside them are exact."""


class FileCount(BaseModel):
    """One file's share: `stored` = `chunks` - `exact_duplicates` - `near_duplicates`."""

    file: str
    work: str
    language: str
    chunks: int
    exact_duplicates: int
    near_duplicates: int
    stored: int
    left_out: int = Field(description="places of the file that were not taken")


class CollectionResult(BaseModel):
    """One collection after an ingestion. `stored` = `embedded` + `refreshed` + `kept` = `total_vectors`."""

    persona_id: str
    collection: CollectionName
    files: int = 0
    chunks: int = Field(default=0, description="that the files give, duplicates included")
    exact_duplicates: int = 0
    near_duplicates: int = 0
    embedded: int = Field(default=0, description="new in the collection")
    refreshed: int = Field(default=0, description="stored before, now with other metadata; not embedded again")
    kept: int = Field(default=0, description="stored before as they are")
    removed: int = Field(default=0, description="stored before, given by no file any more")
    total_vectors: int = 0
    left_out_total: int = 0
    left_out: list[LeftOut] = Field(default_factory=list[LeftOut], description="the first ones")
    duplicates: list[Duplicate] = Field(default_factory=list[Duplicate], description="the first ones")
    sources: list[FileCount] = Field(default_factory=list[FileCount], description="the first ones")

    @property
    def stored(self) -> int:
        """Chunks that the files give, without their duplicates."""
        return self.chunks - self.exact_duplicates - self.near_duplicates

    def add(self, report: SourceReport) -> None:
        """Take a file's account in."""
        self.files += 1
        self.chunks += report.chunks
        self.exact_duplicates += report.exact_duplicates
        self.near_duplicates += report.near_duplicates
        self.left_out_total += report.left_out_total
        self.left_out += report.left_out[: MOST_NAMED - len(self.left_out)]
        self.duplicates += report.duplicates[: MOST_NAMED - len(self.duplicates)]
        if len(self.sources) < MOST_FILES:
            self.sources.append(_count_of(report))

    def leave_out(self, place: LeftOut) -> None:
        """Note a file that was not even opened."""
        self.left_out_total += 1
        if len(self.left_out) < MOST_NAMED:
            self.left_out.append(place)


class CollectionOutcome(BaseModel):
    """How one collection's job ended. The counts of its files are in that job's own result."""

    job_id: str
    status: CollectionStatus
    error: str | None = None
    files: int = 0
    chunks: int = 0
    embedded: int = 0
    removed: int = 0
    total_vectors: int = 0
    left_out_total: int = 0
    left_out: list[LeftOut] = Field(default_factory=list[LeftOut])


class IngestionResult(BaseModel):
    """What a finished ingestion gives back."""

    persona_id: str
    job_id: str
    total_vectors: int = Field(description="of the collections that were asked for")
    left_out_total: int
    collections: dict[CollectionName, CollectionOutcome]


def _count_of(report: SourceReport) -> FileCount:
    return FileCount(
        file=report.file,
        work=report.work,
        language=report.language,
        chunks=report.chunks,
        exact_duplicates=report.exact_duplicates,
        near_duplicates=report.near_duplicates,
        stored=report.stored,
        left_out=report.left_out_total,
    )
