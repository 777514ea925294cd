"""Modules: one class in one file, found without being run, loaded when needed."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pytest
from pydantic import BaseModel

from spine.errors import InvalidInputError, NotFoundError, PermanentError
from tasks.module_graph.discovery import find_modules, module_of
from tasks.module_graph.worker import ModuleWorker, module_name


class Text(BaseModel):
    text: str


class Count(BaseModel):
    words: int


Given = TypeVar("Given", bound=BaseModel)
Made = TypeVar("Made", bound=BaseModel)


class WordCount(ModuleWorker[Text, Count]):
    async def process(self, data: Text) -> Count:
        return Count(words=len(data.text.split()))


class InThread(ModuleWorker[Text, Count]):
    name = "threaded"

    def process(self, data: Text) -> Count:
        assert threading.current_thread() is not threading.main_thread()
        return Count(words=1)


class Untyped(ModuleWorker[Any, Any]):
    async def process(self, data: Any) -> Any:
        return {"seen": data.anything}


async def test_a_module_has_typed_input_and_output() -> None:
    assert (WordCount.name, WordCount.input_model, WordCount.output_model) == ("word_count", Text, Count)
    assert await WordCount().run({"text": "one two", "more": "left out"}) == {"words": 2}


async def test_a_plain_function_runs_in_a_thread() -> None:
    assert await InThread().run({"text": ""}) == {"words": 1}


async def test_a_module_that_names_no_types_takes_and_gives_what_there_is() -> None:
    assert await Untyped().run({"anything": 5}) == {"seen": 5}


async def test_the_types_of_a_generic_base_class_are_those_that_its_subclass_names() -> None:
    class Counts(ModuleWorker[Given, Count], Generic[Given]):
        async def process(self, data: Given) -> Count:
            return Count(words=len(data.model_dump()))

    class Turned(ModuleWorker[Made, Given], Generic[Given, Made]):
        async def process(self, data: Made) -> Given:
            raise NotImplementedError

    class OfText(Counts[Text]):
        pass

    class Back(Turned[Text, Count]):
        pass

    assert (OfText.input_model, OfText.output_model) == (Text, Count)
    assert (Back.input_model, Back.output_model) == (Count, Text)
    assert await OfText().run({"text": ""}) == {"words": 1}


async def test_input_and_output_that_do_not_fit_are_told_by_their_field() -> None:
    class Wrong(ModuleWorker[Text, Count]):
        async def process(self, data: Text) -> Count:
            return {"words": "many"}  # type: ignore[return-value]

    with pytest.raises(InvalidInputError, match=r"input of module wrong.*text"):
        await Wrong().run({})
    with pytest.raises(PermanentError, match=r"output of module wrong.*words"):
        await Wrong().run({"text": ""})


@pytest.mark.parametrize(
    ("made", "told"),
    [
        pytest.param(None, "returned nothing; its `process` has to return Count or a dict", id="no return"),
        pytest.param([1], "returned list; its", id="a list"),
        pytest.param(Text(text="a"), "returned Text; its", id="another model"),
        pytest.param({"word": 1}, "does not fit: words: Field required", id="a dict with other fields"),
    ],
)
async def test_what_is_no_output_is_told_with_what_process_has_to_return(made: Any, told: str) -> None:
    class Wrong(ModuleWorker[Text, Count]):
        async def process(self, data: Text) -> Count:
            return made

    with pytest.raises(PermanentError, match=told):
        await Wrong().run({"text": ""})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param("def proces(self, data): return {}", "has no method `process`", id="another name"),
        pytest.param("def process(self): return {}", "its arguments are `self` and the input", id="no input"),
        pytest.param("def process(self, data, more): return {}", "its arguments are", id="more than the input"),
        pytest.param("async def process(self, data): yield {}", "yields in `process`", id="a generator"),
        pytest.param("def process(self, data, more=1): return {}", None, id="more that need not be given"),
        pytest.param("process = staticmethod(lambda data: {})", None, id="another kind of function"),
    ],
)
def test_a_class_that_could_never_give_an_output_is_named_before_it_runs(
    tmp_path: Path, body: str, told: str | None
) -> None:
    base = "from tasks.module_graph.worker import ModuleWorker"
    (tmp_path / "odd.py").write_text(f"{base}\nclass Odd(ModuleWorker):\n    {body}\n")
    if told is None:
        assert module_of(tmp_path, "odd").name == "odd"
    else:
        with pytest.raises(InvalidInputError, match=told):
            module_of(tmp_path, "odd")


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("HistoryPreferences", "history_preferences"),
        ("HTTPCheck", "http_check"),
        ("A1b", "a1b"),
        ("Step2Do", "step2_do"),
    ],
)
def test_a_modules_name_is_its_classs_in_small_letters(name: str, made: str) -> None:
    assert module_name(name) == made


MODULE = """
from pathlib import Path
from tasks.module_graph.worker import ModuleWorker
Path({trap!r}).touch()
class {name}(ModuleWorker):
    async def process(self, data):
        return {{"version": {version}}}
"""


async def test_modules_are_found_in_a_folder_without_running_it(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    (tmp_path / "mine.py").write_text(MODULE.format(trap=str(trap), name="MyOwn", version=1))
    (tmp_path / "broken.py").write_text("class Broken(ModuleWorker")
    (tmp_path / "other.py").write_text("class NoModule: pass")

    found = find_modules(tmp_path)

    assert "my_own" in found and "intent_validator" in found and "broken" not in found
    assert not trap.exists()
    assert await module_of(tmp_path, "my_own")().run({}) == {"version": 1}


async def test_an_edited_module_is_loaded_anew(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    for version in (1, 2):
        file.write_text(MODULE.format(trap=str(tmp_path / "x"), name="Edited", version=version) + "\n" * version)
        assert await module_of(tmp_path, "edited")().run({}) == {"version": version}


def test_a_users_module_goes_before_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE.format(trap=str(tmp_path / "x"), name="IntentValidator", version=1))

    assert find_modules(tmp_path)["intent_validator"].file == tmp_path / "mine.py"


def test_a_shipped_module_does_not_stand_in_for_the_users_own_that_cannot_be_read(tmp_path: Path) -> None:
    assert "intent_validator" in find_modules(tmp_path)
    (tmp_path / "mine.py").write_text("class IntentValidator(ModuleWorker):\n    def\n")

    with pytest.raises(InvalidInputError, match=r"Module intent_validator cannot be read: .*mine\.py, line 2"):
        module_of(tmp_path, "intent_validator")


def test_a_file_that_the_system_does_not_give_is_named(tmp_path: Path) -> None:
    (tmp_path / "my_own.py").symlink_to("/proc/self/mem")  # reading its first bytes is an input/output error

    with pytest.raises(InvalidInputError, match=r"Module my_own cannot be read: .*my_own\.py: Input/output error"):
        module_of(tmp_path, "my_own")


def test_code_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import nothing_of_this_name\nclass Mine(ModuleWorker): pass\n")

    with pytest.raises(InvalidInputError, match=r"mine.*nothing_of_this_name"):
        module_of(tmp_path, "mine")
    with pytest.raises(NotFoundError, match="new-module absent"):
        module_of(tmp_path, "absent")


@pytest.mark.parametrize(
    ("file", "source"),
    [
        pytest.param("my_own.py", b"def\n", id="the file has its name"),
        pytest.param("mine.py", b"class MyOwn(ModuleWorker)\n    pass\n", id="a class in it is called so"),
        pytest.param("mine.py", b"class A(ModuleWorker):\n    name: str = 'my_own'\n    def\n", id="a class says so"),
        pytest.param("my_own.py", b"x = '\xff'\n", id="it has bytes that are no text"),
        pytest.param("my_own.py", b"x = 1\0\n", id="it has a zero byte"),
    ],
)
def test_a_module_in_a_file_that_is_no_python_is_named_until_it_is_mended(
    tmp_path: Path, file: str, source: bytes
) -> None:
    (tmp_path / file).write_bytes(source)

    with pytest.raises(InvalidInputError, match=rf"Module my_own cannot be read: .*{file}.*Error: "):
        module_of(tmp_path, "my_own")
    (tmp_path / file).write_text("class Other(ModuleWorker):\n    pass\n")
    with pytest.raises(NotFoundError):
        module_of(tmp_path, "my_own")


async def test_runs_of_a_module_beside_each_other_share_nothing() -> None:
    class Keeps(ModuleWorker[Text, Count]):
        seen = 0

        async def process(self, data: Text) -> Count:
            self.seen += 1
            await asyncio.sleep(0)
            return Count(words=self.seen)

    assert await asyncio.gather(*(Keeps().run({"text": ""}) for _ in range(3))) == [{"words": 1}] * 3


async def test_what_a_module_does_to_its_input_or_later_to_its_output_nobody_else_sees() -> None:
    class Changes(ModuleWorker[Any, Any]):
        kept: ClassVar[list[Any]] = [{"n": [1]}]

        async def process(self, data: Any) -> Any:
            data.items.pop()
            data.begin["items"].append("more")
            return {"made": self.kept}

    items = [1, 2, 3]
    data = {"items": items, "begin": {"items": items}}
    output = await Changes().run(data)
    Changes.kept[0]["n"].append(2)

    assert data == {"items": [1, 2, 3], "begin": {"items": [1, 2, 3]}}
    assert output == {"made": [{"n": [1]}]}


def test_what_an_editor_leaves_in_the_folder_hides_no_module_and_a_mark_at_the_start_of_a_file_neither(
    tmp_path: Path,
) -> None:
    (tmp_path / ".#words.py").symlink_to("me@host:1")
    (tmp_path / "gone.py").symlink_to("nowhere")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "words.py").write_bytes(b"\xef\xbb\xbfclass Words(ModuleWorker):\n    pass\n")
    assert "words" in find_modules(tmp_path)


async def test_a_plain_function_that_stops_an_iteration_fails_at_once() -> None:
    class Searching(ModuleWorker[Any, Any]):
        def process(self, data: Any) -> Any:
            return next(one for one in (1, 2) if one > 5)

    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await Searching().run({})
