"""Reads a collection's sources from end to end: each file's new chunks, then the account of that file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from spine.contracts.personas import TRUST_OF, Chunk, Duplicate, PersonaId, SourceReport
from spine.errors import MillraceError
from tasks.persona_ingestion.chunk_ids import chunk_id, content_hash
from tasks.persona_ingestion.chunking import ChunkSize, Piece, chunk_blocks
from tasks.persona_ingestion.languages import passage_language
from tasks.persona_ingestion.ledger import Ledger, Twin
from tasks.persona_ingestion.reading.items import About, Block, Trouble
from tasks.persona_ingestion.reading.kinds import READ_IN_ORDER, READERS
from tasks.persona_ingestion.sources import SourceFile, Sources
from tasks.persona_ingestion.token_meter import CountTokens, TokenMeter
from tasks.persona_ingestion.units import Unit
from tasks.persona_ingestion.works import begin_work

SECTION_JOINT = " › "


@dataclass(slots=True)
class Corpus:
    """One run over one collection. Iterate it once; it reads a few chunks ahead and no further.

    `ledger` is the caller's, a new one for each run: it knows afterwards which ids are wanted. Reading blocks, so keep
    it off the event loop.
    """

    persona_id: PersonaId
    sources: Sources
    count_tokens: CountTokens
    ledger: Ledger
    size: ChunkSize = field(default_factory=ChunkSize)
    _finished: int = 0  # bytes of the files that are done
    _within: int = 0  # bytes of the present file

    @property
    def progress(self) -> float:
        """Share of the sources' bytes that has been read, 0 to 1; never falls. May be asked from any thread."""
        return min(1.0, (self._finished + self._within) / self.sources.size) if self.sources.size else 1.0

    def __iter__(self) -> Iterator[Chunk | SourceReport]:
        """Every chunk once, and after the chunks of a file its report, which names duplicates and what was left out.

        A file that cannot be read gives a report that says why, and the next file is read. What `count_tokens` raises
        ends the run.
        """
        meter = TokenMeter(self.count_tokens)
        for source in self.sources.files:
            report = blank_report(source)
            yield from self._chunks_of(source, report, meter)
            self._finished += source.size
            self._within = 0
            if not report.chunks and not report.left_out:
                report.leave_out("holds no text")
            yield report

    def _chunks_of(self, source: SourceFile, report: SourceReport, meter: TokenMeter) -> Iterator[Chunk]:
        work = begin_work(self._items(source, report), source.work)
        report.title, report.language, report.encoding = work.title, work.language, work.encoding
        for piece in chunk_blocks(_measured(work.text, report), self.size, meter):
            chunk = self._chunk(piece, report)
            report.chunks += 1
            twin = self.ledger.admit(chunk.id, chunk.content_hash, chunk.text)
            if twin is None:
                yield chunk
            else:
                report.skip(_duplicate(chunk, piece, twin))

    def _items(self, source: SourceFile, report: SourceReport) -> Iterator[Block | About]:
        """What the file's reader gives; what it cannot give goes into the report."""
        try:
            with source.open() as file:
                for item in READERS[source.kind](file):
                    if source.kind in READ_IN_ORDER:
                        self._within = max(self._within, min(file.tell(), source.size))
                    if isinstance(item, Trouble):
                        report.leave_out(item.reason, line=item.line, part=item.part)
                    else:
                        yield item
        except MemoryError:
            raise
        except Exception as error:  # whatever a foreign file does to its reader concerns this file alone
            report.leave_out(_reason(error))

    def _chunk(self, piece: Piece, report: SourceReport) -> Chunk:
        return Chunk(
            id=chunk_id(self.persona_id, report.collection, piece.text),
            persona_id=self.persona_id,
            collection=report.collection,
            file=report.file,
            work=report.work,
            title=report.title,
            section=SECTION_JOINT.join(piece.path),
            text=piece.text,
            start=piece.start,
            end=piece.end,
            tokens=piece.tokens,
            language=passage_language(piece.text, report.language),
            content_hash=content_hash(piece.text),
            trust=TRUST_OF[report.collection],
            author=piece.author,
        )


def blank_report(source: SourceFile) -> SourceReport:
    return SourceReport(
        file=source.name, collection=source.collection, work=source.work, kind=source.kind, size=source.size
    )


def _measured(text: Iterator[Unit], report: SourceReport) -> Iterator[Unit]:
    for block in text:
        report.characters = block.end
        yield block


def _duplicate(chunk: Chunk, piece: Piece, twin: Twin) -> Duplicate:
    return Duplicate(
        file=chunk.file,
        line=piece.line,
        section=chunk.section,
        start=chunk.start,
        end=chunk.end,
        kind=twin.kind,
        of=twin.id,
        similarity=round(twin.similarity, 3),
    )


def _reason(error: Exception) -> str:
    """Without the machine's paths."""
    if isinstance(error, MillraceError):
        return error.message
    said = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
    return f"cannot be read ({said})"
