"""The declared graphs: the user's folder before those that Millrace ships, read when asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from spine.contracts.graphs import Graph, GraphSummary
from spine.errors import InvalidInputError, MillraceError, NotFoundError
from spine.settings import Settings
from tasks.module_graph.declaration import SUFFIXES, read_graph
from tasks.module_graph.discovery import faults_in, find_modules
from tasks.module_graph.validation import check_modules

SHIPPED: Final = Path(__file__).parent / "graphs"

_read: dict[Path, tuple[tuple[int, int], Graph | MillraceError]] = {}
"""What was read in this process, by file; replaced when the file changes, gone with the process."""


class DeclaredGraphs:
    """A `GraphShelf` over `MILLRACE_GRAPHS` (else `MILLRACE_HOME/graphs`) and the shipped declarations.

    A graph is called as it says itself, else like its file. A file that changes counts from the next job on.
    """

    def __init__(self, settings: Settings) -> None:
        self._folders = (settings.graphs_dir, SHIPPED)
        self._modules = settings.modules_dir

    def listed(self) -> list[GraphSummary]:
        known, faults = find_modules(self._modules), faults_in(self._modules)
        summaries: dict[str, GraphSummary] = {}
        for path, read in self._declarations():
            summary = _summary(path, read, known, faults)
            if summary.error and summary.name in summaries:  # two files of one name, but for their endings
                summary = summary.model_copy(update={"name": path.name})
            summaries.setdefault(summary.name, summary)
        return sorted(summaries.values(), key=lambda one: one.name)

    def get(self, name: str) -> Graph:
        for path, read in self._declarations():
            if isinstance(read, MillraceError) and path.stem == name:
                raise InvalidInputError(f"Graph {name} cannot be used: {read.message}")
            if isinstance(read, Graph) and read.name == name:
                check_modules(read, find_modules(self._modules), faults_in(self._modules))
                return read
        there = ", ".join(one.name for one in self.listed() if one.error is None)
        raise NotFoundError(f"There is no graph {name!r}; there are: {there}.")

    def _declarations(self) -> Iterator[tuple[Path, Graph | MillraceError]]:
        for folder in self._folders:
            if folder.is_dir():
                yield from _in_folder(folder)


def _in_folder(folder: Path) -> Iterator[tuple[Path, Graph | MillraceError]]:
    """A name that two files give is an error of the later one: it would vanish without a word."""
    first: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and not path.name.startswith(("_", ".")):
            read = _declared(path)
            if isinstance(read, Graph) and (other := first.setdefault(read.name, path.name)) != path.name:
                told = f"{path.name} declares the graph {read.name}, as {other} does: give one of them another name."
                read = InvalidInputError(told)
            yield path, read


def _declared(path: Path) -> Graph | MillraceError:
    try:
        state = path.stat()
    except OSError as error:
        return _unreadable(path, error)
    stamp = (state.st_mtime_ns, state.st_size)
    known = _read.get(path)
    if known is None or known[0] != stamp:
        known = _read[path] = (stamp, _read_or_error(path))
    return known[1]


def _read_or_error(path: Path) -> Graph | MillraceError:
    try:
        return read_graph(path)
    except MillraceError as error:
        return error
    except OSError as error:
        return _unreadable(path, error)


def _unreadable(path: Path, error: OSError) -> InvalidInputError:
    """It concerns this one graph; the others are served."""
    return InvalidInputError(f"{path.name} cannot be read: {error.strerror}.")


def _summary(
    path: Path, read: Graph | MillraceError, known: Collection[str], faults: Mapping[str, str]
) -> GraphSummary:
    if isinstance(read, MillraceError):
        return GraphSummary(name=path.stem, source=str(path), error=read.message)
    summary = GraphSummary(name=read.name, description=read.description, modules=list(read.modules), source=str(path))
    try:
        check_modules(read, known, faults)
    except InvalidInputError as error:
        return summary.model_copy(update={"error": error.message})
    return summary
