"""Every regular expression of the project, and texts that were made from it to slow it down."""

from __future__ import annotations

import ast
import importlib
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from tests.conftest import PROJECT_ROOT

PACKAGES = ("spine", "gateway", "tasks", "blocks", "deployments", "flows")
SAMPLES = {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " ", codes.CATEGORY_WORD: "a"}
FAILING_ENDS = ("\x00", "")
"""Where nothing can match, and where only the end may."""


# -- finding them --------------------------------------------------------------------------------------------------


def expressions() -> dict[str, re.Pattern[Any]]:
    """By one of the places where they stand: what modules keep, and what a call of `re` holds as plain text."""
    found: dict[tuple[Any, int], tuple[str, re.Pattern[Any]]] = {}
    for path in _modules():
        name = str(path.relative_to(PROJECT_ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        importlib.import_module(name)
        named = [(f"{name}.{key}", one) for key, value in vars(sys.modules[name]).items() for one in _kept(value)]
        for place, one in (*named, *_written(path, name)):
            found.setdefault((one.pattern, one.flags), (place, one))
    return {f"{place} {one.pattern!r}"[:150]: one for place, one in found.values()}


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in sorted((PROJECT_ROOT / package).rglob("*.py")) if path.stem != "__main__")


def _kept(value: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping) and depth < 3:
        for item in value.items():
            yield from _kept(item, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth < 3:
        for item in value:
            yield from _kept(item, depth + 1)


def _written(path: Path, name: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr != "escape"
            and isinstance(node.args[0], ast.Constant)
        ):
            flags = next((each.value for each in node.keywords if each.arg == "flags"), None)
            yield f"{name}:{node.lineno}", re.compile(node.args[0].value, _flags(flags or node.args[-1]))


def _flags(node: ast.expr) -> int:
    names = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute) and each.attr.isupper()}
    return sum(int(getattr(re, name)) for name in names if hasattr(re, name))


# -- texts that fit an expression almost ---------------------------------------------------------------------------


@dataclass
class _Walk:
    """Goes through a parsed expression; `text` fits what lies behind it, `attacks` repeat what may be repeated."""

    attacks: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """(what stands before, what is repeated)"""

    def through(self, parts: Any, before: str) -> str:
        text = before
        for code, value in parts:
            text = self._one(code, value, text)
        return text

    def _one(self, code: Any, value: Any, before: str) -> str:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            least, most, body = value
            self._repeat(body, before, most)
            return before + self._of(body, before) * max(1, min(int(least), 50))
        if code is codes.SUBPATTERN:
            return self.through(value[3], before)
        if code is codes.ATOMIC_GROUP:
            return self.through(value, before)
        if code is codes.BRANCH:
            return next(iter([self.through(branch, before) for branch in value[1]]))
        if code is codes.GROUPREF_EXISTS:
            return self.through(value[1], before)
        return before + _character(code, value)

    def _of(self, body: Any, before: str) -> str:
        return self.through(body, before)[len(before) :]

    def _repeat(self, body: Any, before: str, most: Any) -> None:
        if int(most) < 20:
            return
        bodies = {self._of(body, before)}
        for code, value in body:
            if code is codes.BRANCH:
                bodies.update(self._of(branch, before) for branch in value[1])
            elif code is codes.IN:
                bodies.update(_members(value))
        self.attacks += [(before, one) for one in sorted(bodies) if one]


def _character(code: Any, value: Any) -> str:
    if code is codes.LITERAL:
        return chr(value)
    if code is codes.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    if code is codes.ANY:
        return "a"
    return next(iter(_members(value)), "") if code is codes.IN else ""


def _members(value: Sequence[Any]) -> list[str]:
    """Some characters of a set; of a negated one a few that are common and not in it."""
    if value and value[0][0] is codes.NEGATE:
        outside = set(_members(value[1:]))
        return [one for one in ("a", " ", "1", "<", '"', ".", "\\") if one not in outside][:3]
    found: list[str] = []
    for code, told in value:
        if code is codes.LITERAL:
            found.append(chr(told))
        elif code is codes.RANGE:
            found.append(chr(told[0]))
        elif code is codes.CATEGORY:
            found.append(SAMPLES.get(told, "-"))
    return found[:6]


def attacks_on(one: re.Pattern[Any]) -> list[tuple[str, str]]:
    walk = _Walk()
    source = one.pattern.decode("latin-1") if isinstance(one.pattern, bytes) else one.pattern
    walk.through(parser.parse(source, one.flags & ~re.UNICODE if isinstance(one.pattern, bytes) else one.flags), "")
    pumps = {pump for _, pump in walk.attacks}
    return [*dict.fromkeys([*walk.attacks, *(("", pump) for pump in sorted(pumps))])][:40]


# -- how long it takes ---------------------------------------------------------------------------------------------


class TooSlow(Exception):
    """The limit of processor time was reached."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Breaks off, even inside of an expression. Processor time: the clock of pytest-timeout is another one."""

    def break_off(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, break_off)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def is_quick(one: re.Pattern[Any], before: str, pump: str, end: str, *, length: int, seconds: float) -> bool:
    """Whether a search of so many characters, made against this expression, ends in time."""
    text: Any = before + pump * (length // len(pump)) + end
    try:
        with at_most(seconds):
            one.search(text.encode("latin-1", "replace") if isinstance(one.pattern, bytes) else text)
    except TooSlow:
        return False
    return True
