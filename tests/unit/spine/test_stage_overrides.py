"""What a rerun may change of each stage: accepted, normalised, or refused by name before anything is stored."""

from __future__ import annotations

from typing import Any

import pytest

from spine.contracts.submissions import SubmitRequest
from spine.errors import InvalidInputError
from spine.stage_overrides import STAGE_RULES, addresses_in, check_words, checked_overrides, merged_overrides
from spine.submissions import STAGES

ARTICLE = "article_generation"
MODEL_STAGES = [stage for stage, rule in STAGE_RULES.items() if rule.purpose]


def refusal(stage: str, overrides: dict[str, Any]) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        checked_overrides(stage, overrides)
    return caught.value


def fields_of(error: InvalidInputError) -> list[str]:
    return [one["field"] for one in error.details["fields"]]


def test_every_stage_has_its_rule() -> None:
    assert tuple(STAGE_RULES) == STAGES


@pytest.mark.parametrize("stage", MODEL_STAGES)
def test_a_stage_that_asks_a_model_takes_every_model_setting(stage: str) -> None:
    given = {"provider": "mistral", "model": "m", "temperature": 1, "max_tokens": 100, "timeout_seconds": 5}
    assert checked_overrides(stage, given) == {
        "provider": "mistral",
        "model_id": "m",
        "temperature": 1,
        "max_tokens": 100,
        "timeout_seconds": 5,
    }


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in MODEL_STAGES])
@pytest.mark.parametrize("field", ["provider", "model", "temperature", "prompt", "max_tokens", "min_words"])
def test_a_stage_that_asks_no_model_takes_no_model_setting(stage: str, field: str) -> None:
    assert f"Cannot override {field}" in str(refusal(stage, {field: 1}))


@pytest.mark.parametrize("stage", [stage for stage in MODEL_STAGES if stage != ARTICLE])
def test_only_the_article_has_word_bounds(stage: str) -> None:
    assert "Cannot override max_words, min_words" in str(refusal(stage, {"min_words": 100, "max_words": 200}))


@pytest.mark.parametrize(
    ("overrides", "field", "says"),
    [
        pytest.param({"provider": "acme"}, "provider", "must be one of groq, openai", id="unknown provider"),
        pytest.param({"provider": 1}, "provider", "valid string", id="provider that is no text"),
        pytest.param({"model_id": " "}, "model_id", "name of a model", id="empty model"),
        pytest.param({"model": "a", "model_id": "b"}, "model", "another name for model_id", id="two models"),
        pytest.param({"temperature": 2.5}, "temperature", "less than or equal to 2", id="too hot"),
        pytest.param({"temperature": "0.5"}, "temperature", "valid number", id="temperature as text"),
        pytest.param({"temperature": True}, "temperature", "valid number", id="temperature as yes"),
        pytest.param({"max_tokens": 0}, "max_tokens", "greater than or equal to 1", id="no tokens"),
        pytest.param({"max_tokens": 1.5}, "max_tokens", "valid integer", id="half a token"),
        pytest.param({"timeout_seconds": 0}, "timeout_seconds", "greater than 0", id="no time"),
        pytest.param({"prompt": ""}, "prompt", "1 to", id="empty prompt"),
        pytest.param({"prompt": "\n\t"}, "prompt", "1 to", id="blank prompt"),
        pytest.param({"prompt": "half a \ud83d"}, "prompt", "half a surrogate pair", id="a prompt that is no text"),
        pytest.param({"prompt": "{titel}"}, "prompt", "{title}", id="a prompt with an unknown placeholder"),
        pytest.param({"prompt": "x", "prompt_version": 1}, "prompt_version", "not both", id="text and version"),
        pytest.param({"prompt_version": 0}, "prompt_version", "from 1", id="version 0"),
        pytest.param({"min_words": "600"}, "min_words", "whole number", id="words as text"),
        pytest.param({"min_words": 10}, "min_words", "greater than or equal to 50", id="too few words"),
        pytest.param({"max_words": 50_000}, "max_words", "less than or equal to 20000", id="too many words"),
        pytest.param({"input": {"metadata": {"pages": "many"}}}, "input.metadata.pages", "integer", id="pages as text"),
        pytest.param({"input": {"metadata": {"rating": 7}}}, "input.metadata.rating", "equal to 5", id="rating"),
        pytest.param({"input": {"metadata": {"colour": 1}}}, "input.metadata.colour", "no fact", id="unknown fact"),
        pytest.param({"input": {"metadata": {"title": ""}}}, "input.metadata.title", "not be empty", id="no title"),
        pytest.param(
            {"input": {"metadata": {"publication_date": "May 1999"}}},
            "input.metadata.publication_date",
            "YYYY-MM",
            id="a date in words",
        ),
        pytest.param(
            {"input": {"metadata": {"publication_date": "2019-02-30"}}},
            "input.metadata.publication_date",
            "must be a date",
            id="a day that there is not",
        ),
        pytest.param(
            {"input": {"metadata": {"isbn_13": "9780306406158"}}}, "input.metadata.isbn_13", "valid ISBN", id="isbn"
        ),
        pytest.param(
            {"input": {"metadata": {"isbn_10": "9780306406157"}}}, "input.metadata.isbn_10", "10 char", id="long isbn"
        ),
        pytest.param(
            {"input": {"metadata": {"cover_image_url": "javascript:1"}}},
            "input.metadata.cover_image_url",
            "web address",
            id="a script as cover",
        ),
        pytest.param({"input": {"metadata": []}}, "input.metadata", "object", id="facts as a list"),
        pytest.param({"input": {"context": 5}}, "input.context", "must be a text", id="context as number"),
        pytest.param({"input": {"links": []}}, "input.links", "additional_links_scrape", id="links at the article"),
        pytest.param({"input": {"notes": []}}, "input.notes", "internet_research", id="notes at the article"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_under_its_field(overrides: dict[str, Any], field: str, says: str) -> None:
    error = refusal(ARTICLE, overrides)
    assert f"overrides.{field}" in fields_of(error)
    assert says in str(error)


@pytest.mark.parametrize(
    ("stage", "document", "field"),
    [
        pytest.param("additional_links_scrape", {"links": ["ftp://x.example"]}, "input.links", id="another scheme"),
        pytest.param("additional_links_scrape", {"links": "https://x.example"}, "input.links", id="links as text"),
        pytest.param("additional_links_scrape", {"metadata": {}}, "input.metadata", id="facts at the links"),
        pytest.param("internet_research", {"notes": [{"text": "x"}]}, "input.notes.0.source", id="note of nobody"),
        pytest.param("internet_research", {"context": "x"}, "input.context", id="context at the research"),
        pytest.param("amazon_scrape", {"notes": []}, "input.notes", id="notes at the product page"),
    ],
)
def test_an_input_document_is_checked_for_its_stage(stage: str, document: dict[str, Any], field: str) -> None:
    assert fields_of(refusal(stage, {"input": document})) == [f"overrides.{field}"]


def test_all_complaints_come_at_once() -> None:
    error = refusal(ARTICLE, {"provider": "acme", "temperature": 9, "min_words": 1})
    assert set(fields_of(error)) == {"overrides.provider", "overrides.temperature", "overrides.min_words"}


def test_a_refusal_never_repeats_the_value() -> None:
    assert "sk-secret" not in str(refusal(ARTICLE, {"provider": "sk-secret", "model_id": ["sk-secret"]}))


def test_facts_may_stand_in_the_document_itself() -> None:
    assert checked_overrides("amazon_scrape", {"input": {"pages": 3, "metadata": {"title": "T"}}}) == {
        "input": {"metadata": {"pages": 3, "title": "T"}}
    }


@pytest.mark.parametrize(
    ("before", "edits", "after"),
    [
        pytest.param({"temperature": 1}, {"max_tokens": 5}, {"temperature": 1, "max_tokens": 5}, id="they add up"),
        pytest.param({"temperature": 1}, {"temperature": None}, {}, id="null takes one back"),
        pytest.param({"prompt": "x"}, {"prompt_version": 2}, {"prompt_version": 2}, id="a version replaces the text"),
        pytest.param(
            {"provider": "groq", "model_id": "m"},
            {"provider": "openai"},
            {"provider": "openai"},
            id="a model goes with its provider",
        ),
        pytest.param(
            {"input": {"metadata": {"pages": 1}, "context": "c"}},
            {"input": {"metadata": {"title": "T"}}},
            {"input": {"metadata": {"pages": 1, "title": "T"}, "context": "c"}},
            id="facts add up",
        ),
        pytest.param(
            {"input": {"metadata": {"pages": 1}}},
            {"input": {"metadata": {"pages": None}}},
            {"input": {"metadata": {"pages": None}}},
            id="a fact can be made unknown",
        ),
        pytest.param({"input": {"context": "c"}}, {"input": {"context": None}}, {"input": {}}, id="a part goes"),
        pytest.param({"input": {"context": "c"}}, {"input": None}, {}, id="the whole document goes"),
    ],
)
def test_new_overrides_are_laid_over_earlier_ones(
    before: dict[str, Any], edits: dict[str, Any], after: dict[str, Any]
) -> None:
    assert merged_overrides(before, edits) == after


@pytest.mark.parametrize(("edits", "field"), [({"min_words": 1300}, "min_words"), ({"max_words": 500}, "max_words")])
def test_word_bounds_that_cross_those_of_the_request_are_refused(edits: dict[str, int], field: str) -> None:
    request = SubmitRequest(amazon_url="https://shop.example/1")  # 600 to 1200 words
    with pytest.raises(InvalidInputError, match=f"overrides.{field}.*is below min_words"):
        check_words(request, edits)
    assert check_words(request, {"min_words": 1300, "max_words": 1400}) == (1300, 1400)


def test_the_addresses_of_an_edit_are_known_before_they_are_fetched() -> None:
    links = checked_overrides("additional_links_scrape", {"input": {"links": ["https://a.example"]}})
    cover = checked_overrides("amazon_scrape", {"input": {"cover_image_url": "https://b.example/c.jpg"}})
    assert addresses_in(links) + addresses_in(cover) == ["https://a.example", "https://b.example/c.jpg"]
