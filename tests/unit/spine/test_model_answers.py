"""What counts as an answer: tool arguments, JSON in any wrapping, or prose where the type can be made from it."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from spine.adapters.model_answers import ToolCall, read_answer


class City(BaseModel):
    city: str
    country: str


class Draft(BaseModel):
    title: str
    content: str

    @classmethod
    def from_text(cls, text: str) -> Draft | None:
        first, _, rest = text.partition("\n")
        return cls(title=first.lstrip("# "), content=rest.strip()) if first.startswith("#") else None


class Finding(BaseModel):
    """All optional: any object at all would validate."""

    pages: int | None = None
    publisher: str | None = None


MEXICO = {"city": "Mexico City", "country": "Mexico"}
JSON = json.dumps(MEXICO)

READABLE = {
    "plain JSON": JSON,
    "JSON over several lines": json.dumps(MEXICO, indent=2),
    "fenced JSON": f"```json\n{JSON}\n```",
    "a fence without a language": f"```\n{JSON}\n```",
    "a fence that is never closed": f"```json\n{JSON}",
    "prose around a fence": f"Sure, here it is:\n\n```json\n{JSON}\n```\nAnything else?",
    "prose around bare JSON": f"The answer is {JSON}. Hope that helps!",
    "braces in the prose": f"Using the {{template}} you gave: {JSON}",
    "another object first": f'Given {{"question": "?"}} I say {JSON}',
    "thoughts first": f'<think>maybe {{"city": "Puebla", "country": "Mexico"}}?</think>{JSON}',
    "wrapped in a name": json.dumps({"City": MEXICO}),
    "a call written as text": json.dumps({"name": "final_result", "arguments": MEXICO}),
    "a call with its arguments as text": json.dumps({"name": "final_result", "arguments": JSON}),
    "a call in a model's own notation": f"<function=final_result>{JSON}</function>",
    "a list of one": json.dumps([MEXICO]),
    "extra fields": json.dumps({**MEXICO, "confidence": 0.9}),
}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE)
def test_an_object_is_found_wherever_it_stands(text: str) -> None:
    assert read_answer(text, [], City).output == City(**MEXICO)


CALLS = {
    "arguments as text": [ToolCall("final_result", JSON)],
    "arguments as an object": [ToolCall("final_result", MEXICO)],
    "a tool of another name": [ToolCall("City", JSON)],
    "ours among others": [ToolCall("get_country", "{}"), ToolCall("final_result", JSON)],
}


@pytest.mark.parametrize("calls", CALLS.values(), ids=CALLS)
def test_tool_arguments_are_an_answer(calls: list[ToolCall]) -> None:
    assert read_answer("Let me think about it.", calls, City).output == City(**MEXICO)


def test_a_text_answers_when_the_tool_call_does_not_fit() -> None:
    assert read_answer(JSON, [ToolCall("final_result", '{"city": ')], City).output == City(**MEXICO)


def test_a_bare_line_break_inside_a_string_is_forgiven() -> None:
    reading = read_answer('{"title": "Emma", "content": "# Emma\n\nA novel."}', [], Draft)
    assert reading.output == Draft(title="Emma", content="# Emma\n\nA novel.")


def test_code_fences_inside_an_article_do_not_end_its_json() -> None:
    draft = Draft(title="T", content="Run\n```sh\nls\n```\nand see.")
    assert read_answer(f"```json\n{draft.model_dump_json()}\n```", [], Draft).output == draft


PROBLEMS = {
    "nothing": ("", City, "the answer is empty"),
    "only thoughts": ("<think>hm</think>", City, "the answer is empty"),
    "prose": ("I am not sure.", City, "the answer holds no JSON object"),
    "JSON that was cut off": ('{"city": "Mex', City, "the JSON is incomplete or not well-formed"),
    "a missing field": ('{"city": "Oslo"}', City, "country: Field required"),
    "a wrong type": ('{"city": "Oslo", "country": 47}', City, "country: Input should be a valid string"),
    "another object": ('{"weather": "mild"}', City, "the object has none of the fields city, country"),
    "an object for a type of optional fields": (
        '{"weather": "mild"}',
        Finding,
        "the object has none of the fields pages, publisher",
    ),
    "a list": ("[1, 2]", City, "the answer holds no JSON object"),
}


@pytest.mark.parametrize(("text", "output_type", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_wrong_is_said_so_that_the_model_can_mend_it(
    text: str, output_type: type[BaseModel], problem: str
) -> None:
    reading = read_answer(text, [], output_type)
    assert (reading.output, reading.problem) == (None, problem)


def test_a_problem_does_not_repeat_what_the_model_wrote() -> None:
    assert "secret" not in read_answer('{"city": ["secret"], "country": "x"}', [], City).problem


def test_an_empty_object_is_an_answer_only_where_it_is_the_whole_answer() -> None:
    assert read_answer("{}", [], Finding).output == Finding()
    assert read_answer("", [ToolCall("final_result", "{}")], Finding).output == Finding()
    assert read_answer("", [ToolCall("look_up", "{}")], Finding).output is None
    assert read_answer("I would fill {} in.", [], Finding).output is None


class TestProse:
    def test_becomes_an_answer_where_the_type_can_be_made_from_text(self) -> None:
        reading = read_answer("# Emma\n\nA novel of manners.", [], Draft)
        assert reading.output == Draft(title="Emma", content="A novel of manners.")
        assert reading.from_prose

    def test_may_hold_code_with_braces(self) -> None:
        text = '# Config\n\n```json\n{"debug": true}\n```'
        assert read_answer(text, [], Draft).output == Draft(title="Config", content='```json\n{"debug": true}\n```')

    def test_may_be_refused_by_the_type(self) -> None:
        assert read_answer("I cannot do that.", [], Draft).problem == "the answer holds no JSON object"

    def test_is_not_what_broken_json_is(self) -> None:
        assert read_answer('{"title": "Emma", "content": "# Em', [], Draft).output is None

    def test_does_not_stand_in_for_an_object_that_is_wrong(self) -> None:
        assert read_answer('# Emma\n{"title": "Emma"}', [], Draft).problem == "content: Field required"

    def test_counts_as_refused_where_the_type_finds_it_invalid(self) -> None:
        class Strict(BaseModel):
            word: str

            @classmethod
            def from_text(cls, text: str) -> Strict:
                return cls.model_validate({"word": None})

        assert read_answer("hello", [], Strict).output is None
