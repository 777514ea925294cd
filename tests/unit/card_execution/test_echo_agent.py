"""The bundled agent does small real work from the prompt alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spine.adapters.agent_log import read_log
from spine.agents_port import AgentLimits, AgentTask
from tasks.card_execution.agents.attempt_task import agent_task
from tasks.card_execution.agents.presets import PRESETS
from tasks.card_execution.echo_agent import named_files, title_of, write_files
from tests.unit.card_execution.agent_scripts import Watched

PROMPT = """# Add a greeting

Write it in `src/ignored_in_prose.py`.

Required files:

- `src/greeting.py`
- docs/greeting.md
- [ ] `data/names.json` lists three names
"""


def echo(watched: Watched, *options: str, prompt: str = PROMPT, **limits: float) -> AgentTask:
    preset = PRESETS["echo-agent"]
    command = replace(preset, argv=(*preset.argv, *options), limits=AgentLimits(**limits))  # type: ignore[arg-type]
    files = watched.workdir.parent / "job-1"
    return agent_task(command, card_id="c-1", prompt=prompt, workdir=watched.workdir, attempt_files=files)


async def test_it_writes_the_files_that_the_card_names_and_a_note(watched: Watched) -> None:
    ended = await watched.run(echo(watched))
    written = ["src/greeting.py", "docs/greeting.md", "data/names.json", "NOTES.md"]
    assert (ended.code, ended.reason) == (0, "exited")
    assert ended.result == {"type": "result", "status": "done", "files": written}
    assert all((watched.workdir / name).read_text() for name in written)
    assert json.loads((watched.workdir / "data/names.json").read_text())["card"] == "Add a greeting"
    assert "- src/greeting.py" in (watched.workdir / "NOTES.md").read_text()
    assert [(one.percent, one.source) for one in watched.progress] == [(0, "events"), (50, "events"), (99, "events")]
    assert len(list(read_log(watched.workdir.parent / "job-1.log.gz"))) == ended.lines


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        pytest.param(["--exit", "3"], 3, '"status": "failed"', id="an exit code"),
        pytest.param(["--lines", "5"], 0, "line 5 of 5", id="lines"),
        pytest.param(["--big-line", "100000"], 0, "xxx", id="a big line"),
        pytest.param(["--sleep", "0.3"], 0, '"step": "working"', id="work that takes time"),
        pytest.param(["--fork", "3"], 0, '"step": "done"', id="children left behind"),
    ],
)
async def test_its_options_try_out_a_supervisor(watched: Watched, options: list[str], code: int, says: str) -> None:
    ended = await watched.run(echo(watched, *options))
    assert ended.code == code
    assert watched.said(says)


async def test_it_can_be_deaf_and_is_ended_all_the_same(watched: Watched) -> None:
    task = echo(watched, "--ignore-term", "--fork", "2", "--sleep", "60", soft_seconds=0.7, grace_seconds=0.2)
    ended = await watched.run(task)
    assert (ended.reason, ended.signal) == ("soft-limit", 9)


@pytest.mark.parametrize(
    ("item", "names"),
    [
        pytest.param("- `a.py` and `b/c.md` exist", ["a.py", "b/c.md"], id="in backquotes"),
        pytest.param("1. src/main.rs", ["src/main.rs"], id="an item that is a file"),
        pytest.param("* [x] README.rst", ["README.rst"], id="a ticked item"),
        pytest.param("- bin/run", ["bin/run"], id="a path without a suffix"),
        pytest.param("## Required files\n\n- Makefile\n- My notes", ["Makefile", "My notes"], id="a heading of files"),
        pytest.param("## Checks that will be run\n\n- ./check.sh", [], id="a check"),
        pytest.param("- it works, e.g. with 3.5 of them", [], id="prose"),
        pytest.param("- the function `run()` returns `x`", [], id="code"),
        pytest.param("- `../outside.md` and `/etc/passwd.txt`", [], id="outside the folder"),
        pytest.param("- `.git/hooks/pre-commit`", [], id="inside the repository's own folder"),
        pytest.param("see notes.md", [], id="no list item"),
    ],
)
def test_files_are_named_in_list_items(item: str, names: list[str]) -> None:
    assert named_files(item) == names


def test_a_file_that_is_there_stays_and_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "work", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "mine.py").write_text("precious")
    (folder / "link").symlink_to(outside)
    assert write_files("- `mine.py`\n- `link/file.md`\n- `new.md`", folder) == ["new.md", "NOTES.md"]
    assert (folder / "mine.py").read_text() == "precious"
    assert list(outside.iterdir()) == []


def test_the_title_is_the_first_line_that_says_something() -> None:
    assert title_of("\n\n## Do this\nand that") == "Do this"
    assert title_of("") == "an empty card"
