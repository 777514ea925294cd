"""A coding agent without a model: reads a card's prompt, writes the files that it names and a NOTES.md, tells progress.

`python -m tasks.card_execution.echo_agent`: the prompt on stdin or by `--prompt-file`, the work in the current folder,
events as JSON lines on stdout, exit code 0. It runs no command and touches nothing outside the folder. The options are
for trying out what a supervisor has to stand.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(?P<text>\S.*)$")
_QUOTED = re.compile(r"`([^`\s]+)`")
_FILE_NAME = re.compile(r"(?:[\w@.+-]+/)*[\w@+-][\w@.+-]*\.[A-Za-z][A-Za-z0-9]{0,7}|(?:[\w@.+-]+/)+[\w@.+-]+")
NOTES = "NOTES.md"


def main(arguments: list[str] | None = None) -> int:
    options = _options().parse_args(arguments)
    if options.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for number in range(options.fork):
        _leave_behind(detached=number % 2 == 1, deaf=options.ignore_term)
    say("progress", percent=0, step="reading the card")
    prompt = _read_prompt(options.prompt_file)
    _talk(options.lines, options.big_line)
    files = write_files(prompt, Path.cwd())
    say("progress", percent=50, step=f"wrote {len(files)} files")
    _spend(options.sleep)
    say("progress", percent=100, step="done")
    say("result", status="failed" if options.exit else "done", files=files)
    return options.exit


def say(kind: str, **fields: object) -> None:
    """One event: a JSON object on one line, at once."""
    print(json.dumps({"type": kind, **fields}, ensure_ascii=False), flush=True)


def write_files(prompt: str, folder: Path) -> list[str]:
    """Write what the prompt's lists name, and NOTES.md; the paths that were written, relative to the folder.

    A file that is there stays as it is; a path that leads out of the folder is left out.
    """
    written = [name for name in named_files(prompt) if _write_new(folder, name, prompt)]
    (folder / NOTES).write_text(_notes(prompt, written), encoding="utf-8")
    return [*written, NOTES]


def named_files(prompt: str) -> list[str]:
    """Relative file names in the prompt's lists: what stands in backquotes, else an item that is a file name itself.

    Under a heading about files every item is one, also `Makefile`; under a heading about checks none is.
    """
    names: list[str] = []
    heading = ""
    for line in prompt.splitlines():
        if found := _ITEM.match(line):
            names += _names_in(found["text"].strip(), heading)
        elif line.startswith("#") or line.rstrip().endswith(":"):
            heading = line.lower()
    return [name for name in dict.fromkeys(names) if _stays_inside(name) and name != NOTES]


def _names_in(item: str, heading: str) -> list[str]:
    if "check" in heading:
        return []
    if quoted := [name for name in _QUOTED.findall(item) if _FILE_NAME.fullmatch(name)]:
        return quoted
    return [item] if "file" in heading or _FILE_NAME.fullmatch(item) else []


def list_items(prompt: str) -> Iterator[str]:
    for line in prompt.splitlines():
        if found := _ITEM.match(line):
            yield found["text"].strip()


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and ".git" not in path.parts


def _write_new(folder: Path, name: str, prompt: str) -> bool:
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()) or target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_content(target.suffix, title_of(prompt)), encoding="utf-8")
    return True


def title_of(prompt: str) -> str:
    """The prompt's first line that says something."""
    lines = (line.strip().lstrip("#").strip() for line in prompt.splitlines())
    return next((line for line in lines if line), "an empty card")


def _content(suffix: str, title: str) -> str:
    if suffix == ".json":
        return json.dumps({"card": title, "written_by": "echo-agent"}, ensure_ascii=False, indent=2) + "\n"
    if suffix in (".md", ".txt", ".rst", ""):
        return f"{title}\n"
    if suffix in (".py", ".sh", ".yaml", ".yml", ".toml", ".rb"):
        return f"# {title}\n"
    return ""


def _notes(prompt: str, written: list[str]) -> str:
    asked = [f"- {text}" for text in list_items(prompt)] or ["- nothing in particular"]
    done = [f"- {name}" for name in written] or ["- no file: none was named that was not there"]
    return "\n".join([f"# {title_of(prompt)}", "", "Asked for:", "", *asked, "", "Written:", "", *done, ""])


def _talk(lines: int, big_line: int) -> None:
    for number in range(1, lines + 1):
        print(f"line {number} of {lines}")
    if big_line:
        print("x" * big_line)
    sys.stdout.flush()


def _spend(seconds: float) -> None:
    """Wait, telling progress between 50 and 95 %."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        say("progress", percent=round(50 + 45 * passed / seconds), step="working")
        time.sleep(min(0.5, max(0.0, seconds - passed)))


def _leave_behind(*, detached: bool, deaf: bool) -> None:
    """Start a child that would outlive this process: `detached`, in a session of its own and without a parent."""
    program = "import signal, time; {}time.sleep(600)".format(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if deaf else ""
    )
    if not detached:
        subprocess.Popen([sys.executable, "-c", program])
        return
    pid = os.fork()
    if pid == 0:
        subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
        os._exit(0)
    os.waitpid(pid, 0)


def _read_prompt(path: Path | None) -> str:
    data = path.read_bytes() if path else sys.stdin.buffer.read()
    return data.decode("utf-8", "replace")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="echo-agent", description="A coding agent without a model.")
    parser.add_argument("--prompt-file", type=Path, help="read the prompt from here instead of stdin")
    parser.add_argument("--sleep", type=float, default=0.0, help="seconds of pretended work")
    parser.add_argument("--lines", type=int, default=0, help="lines of further output")
    parser.add_argument("--big-line", type=int, default=0, help="one line of so many bytes")
    parser.add_argument("--exit", type=int, default=0, help="exit code")
    parser.add_argument("--ignore-term", action="store_true", help="do not end on SIGTERM")
    parser.add_argument("--fork", type=int, default=0, help="leave so many children behind, every second one detached")
    return parser


if __name__ == "__main__":
    sys.exit(main())
