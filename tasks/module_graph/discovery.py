"""Which modules there are, found without running any; and the class of one when it is to run.

They come from, in this order of precedence: the folder of the user's modules (`MILLRACE_MODULES`, else
`MILLRACE_HOME/modules`), entry points of the group `millrace.modules`, and the modules that Millrace ships.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from spine.errors import InvalidInputError, NotFoundError
from tasks.module_graph.worker import ModuleWorker, fault_of, module_name

SHIPPED: Final = Path(__file__).parent / "modules"
GROUP: Final = "millrace.modules"
_BASE: Final = "ModuleWorker"

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FoundModule:
    """Where a module is: a class in a file, or an entry point."""

    name: str
    file: Path | None = None
    class_name: str = ""
    entry_point: EntryPoint | None = None

    @property
    def source(self) -> str:
        return str(self.file) if self.file else f"entry point {self.entry_point.value}" if self.entry_point else ""


def find_modules(folder: Path) -> dict[str, FoundModule]:
    """Every module by its name. Files are read, not run. The modules of a file that cannot be read are left out until
    it is mended (`faults_in` has them): another one of that name is not what the user wants to run."""
    found = {one.name: one for one in _in_folder(SHIPPED)}
    found |= {point.name: FoundModule(point.name, entry_point=point) for point in _entry_points()}
    for name in faults_in(folder):
        found.pop(name, None)
    return found | {one.name: one for one in _in_folder(folder)}


def faults_in(folder: Path) -> dict[str, str]:
    """What is wrong with the files of the folder that cannot be read or are no Python, by each module that they seem to
    hold."""
    read = [_in_file(file) for file in _files(folder)]
    return {name: one.fault for one in read if one.fault for name in one.meant}


def load_module(found: FoundModule) -> type[ModuleWorker[Any, Any]]:
    """The module's class. A file that has changed since it was loaded is loaded anew.

    Raises `InvalidInputError` when its code cannot be loaded; the cause is in the message.
    """
    try:
        loaded = found.entry_point.load() if found.entry_point else getattr(_imported(found), found.class_name)
    except (Exception, SystemExit) as error:  # a script that ends its process must not end this one
        raise InvalidInputError(
            f"Module {found.name} ({found.source}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, ModuleWorker)):
        raise InvalidInputError(f"Module {found.name} ({found.source}) is no subclass of ModuleWorker.")
    if fault := fault_of(loaded):
        raise InvalidInputError(f"Module {found.name} ({found.source}) {fault}.")
    return loaded


def module_of(folder: Path, name: str) -> type[ModuleWorker[Any, Any]]:
    found = find_modules(folder).get(name)
    if found is None:
        if fault := faults_in(folder).get(name):
            raise InvalidInputError(f"Module {name} cannot be read: {fault}.")
        raise NotFoundError(f"There is no module {name!r}; `millrace graph new-module {name}` writes one.")
    return load_module(found)


@lru_cache(maxsize=1)
def _entry_points() -> tuple[EntryPoint, ...]:
    """Packages are installed before a process starts; looking through all of them takes its time."""
    return tuple(entry_points(group=GROUP))


# -- reading files ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FileRead:
    """What a file holds; or the fault that keeps it from being read, and the modules that it was meant to hold."""

    stamp: Stamp
    modules: tuple[FoundModule, ...] = ()
    fault: str = ""
    meant: frozenset[str] = frozenset()


_read: dict[Path, _FileRead] = {}
_loaded: dict[Path, tuple[Stamp, Any]] = {}
"""What was read and loaded in this process, by file; replaced when the file changes, gone with the process."""


def _in_folder(folder: Path) -> Iterator[FoundModule]:
    for file in _files(folder):
        yield from _in_file(file).modules


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (file for file in sorted(folder.glob("*.py")) if not file.name.startswith(("_", ".", "test_")))


def _in_file(file: Path) -> _FileRead:
    """Nothing in what is no file: a link that leads nowhere, a folder with such a name."""
    try:
        stamp = _stamp(file)
        known = _read.get(file)
        if known is None or known.stamp != stamp:
            known = _read[file] = _file_read(file, stamp)
    except (FileNotFoundError, IsADirectoryError):
        return _FileRead((0, 0))
    except OSError as error:
        return _FileRead((0, 0), fault=f"{file}: {error.strerror or error}", meant=_meant(file, b""))
    return known


def _file_read(file: Path, stamp: Stamp) -> _FileRead:
    source = file.read_bytes()
    try:
        tree = ast.parse(source)  # as Python reads it: with its mark, in the encoding that it names
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        told = error.msg if isinstance(error, SyntaxError) else error
        return _FileRead(stamp, fault=f"{file}{line}: {type(error).__name__}: {told}", meant=_meant(file, source))
    return _FileRead(stamp, tuple(_classes(file, tree)))


def _meant(file: Path, source: bytes) -> frozenset[str]:
    """What the modules of a file that cannot be parsed seem to be called: like itself, its classes, or as these say."""
    text = source.decode(errors="replace")
    classes = re.findall(r"^class\s+(\w+)", text, re.MULTILINE)
    names = re.findall(r"""^\s+name\b[^=\n]*=\s*["']([\w-]+)["']""", text, re.MULTILINE)
    return frozenset({file.stem, file.stem.replace("_", "-"), *map(module_name, classes), *names})


def _classes(file: Path, tree: ast.Module) -> Iterator[FoundModule]:
    workers = {_BASE}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_base_name(base) in workers for base in node.bases):
            workers.add(node.name)
            yield FoundModule(_declared_name(node) or module_name(node.name), file, node.name)


def _base_name(base: ast.expr) -> str:
    """`ModuleWorker`, `worker.ModuleWorker` and `ModuleWorker[In, Out]` are all ModuleWorker."""
    match base:
        case ast.Subscript(value=value):
            return _base_name(value)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _declared_name(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        value = getattr(statement, "value", None)
        named = any(isinstance(target, ast.Name) and target.id == "name" for target in targets)
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _imported(found: FoundModule) -> Any:
    file = found.file
    assert file is not None
    if file.parent == SHIPPED:
        return importlib.import_module(f"tasks.module_graph.modules.{file.stem}")
    stamp = _stamp(file)
    known = _loaded.get(file)
    if known is None or known[0] != stamp:
        known = _loaded[file] = (stamp, _executed(file, stamp))
    return known[1]


def _executed(file: Path, stamp: Stamp) -> Any:
    """Run the file as a module under a name of its own, so that it hides nothing and nothing hides it."""
    name = f"millrace_modules.{file.stem}_{stamp[0]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Compiled here: a cached byte code is trusted by the second, and files are edited faster than that.
        exec(compile(file.read_bytes(), file, "exec"), module.__dict__)  # noqa: S102 - the user's own module
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _stamp(file: Path) -> Stamp:
    state = file.stat()
    return state.st_mtime_ns, state.st_size
