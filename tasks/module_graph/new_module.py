"""The first version of a new module and of its test."""

from __future__ import annotations

import re
from pathlib import Path

from spine.contracts.graphs import NAME_PATTERN
from spine.errors import ConflictError, InvalidInputError

_MODULE = '''\
"""The graph module `{name}`: say here in one sentence what it does."""

from __future__ import annotations

from pydantic import BaseModel

from tasks.module_graph.worker import ModuleWorker


class {kind}Input(BaseModel):
    """Fields of the job's input, and of what the modules before this one made, that this module needs."""

    text: str


class {kind}Output(BaseModel):
    """What the modules after this one may use, and conditions may ask for."""

    length: int


class {kind}(ModuleWorker[{kind}Input, {kind}Output]):
    """Raise a `spine.errors.RetryableError` for a passing fault: it is tried again as the graph says."""

    name = "{name}"

    async def process(self, data: {kind}Input) -> {kind}Output:
        return {kind}Output(length=len(data.text))
'''

_TEST = '''\
"""The graph module `{name}` by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tasks.module_graph.discovery import module_of


def test_it_says_how_long_a_text_is() -> None:
    module = module_of(Path(__file__).parent, "{name}")

    assert asyncio.run(module().run({{"text": "four"}})) == {{"length": 4}}
'''


def write_module(folder: Path, name: str) -> tuple[Path, Path]:
    """Write `<name>.py` and `test_<name>.py` into the folder; both paths.

    Raises `InvalidInputError` for a name that no module can have, `ConflictError` when a file is there already.
    """
    if not re.match(NAME_PATTERN, name) or name.startswith("test_"):
        raise InvalidInputError(
            f"{name!r} is no name for a module: a-z, 0-9, _ and -, a letter first, at most 63, not test_…"
        )
    stem = name.replace("-", "_")
    files = {folder / f"{stem}.py": _MODULE, folder / f"test_{stem}.py": _TEST}
    if there := [path for path in files if path.exists()]:
        raise ConflictError(f"{there[0]} is there already; nothing was written.")
    folder.mkdir(parents=True, exist_ok=True)
    kind = "".join(part.capitalize() for part in re.split("[_-]", name))
    for path, template in files.items():
        path.write_text(template.format(name=name, kind=kind), encoding="utf-8")
    module, test = files
    return module, test
