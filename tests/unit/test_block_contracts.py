"""Blocks are made by name and field in other people's scripts and in saved data: these names stay."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from pydantic import ValidationError

from blocks.webhook_source import WebhookSource

PROMISED: dict[str, dict[str, Any]] = {
    "wordpress_site.WordPressSite": {"url": "https://blog.example", "username": "ana", "application_password": "p"},
    "telegram_bot.TelegramBot": {"token": "1:t", "webhook_secret": "s"},
    "manychat_account.ManyChatAccount": {"api_key": "k", "webhook_secret": "s"},
    "webhook_source.WebhookSource": {"secrets": ["whsec_b2xkIHNlY3JldA=="], "mappings": []},
    "crm_account.CrmAccount": {"base_url": "https://crm.example", "api_key": "k"},
    "agent_command.AgentCommand": {"argv": ["echo"]},
    "language_model.LanguageModelCredentials": {"provider": "openai", "api_key": "k", "base_url": "https://m.example"},
    "search_provider.SearchProvider": {"provider": "tavily", "api_key": "k"},
    "document_database.DocumentDatabase": {"url": "mongodb://db.example/millrace"},
}


@pytest.mark.parametrize(("name", "fields"), PROMISED.items(), ids=PROMISED)
def test_a_block_has_its_promised_name_and_fields(name: str, fields: dict[str, Any]) -> None:
    module, _, kind = name.partition(".")
    block = getattr(importlib.import_module(f"blocks.{module}"), kind)(**fields)
    assert set(fields) <= set(block.model_dump())


RULE = {"pipeline": "book_review", "params": {"amazon_url": "{{ data.url }}"}}


@pytest.mark.parametrize("mappings", [[{"event": "book.*", **RULE}], {"book.*": RULE}], ids=["as a list", "by event"])
def test_mappings_of_a_webhook_source_may_be_written_in_two_ways(mappings: Any) -> None:
    account = WebhookSource(secrets=["a-secret-for-the-header"], mappings=mappings).account
    assert [(rule.event, rule.pipeline) for rule in account.mappings] == [("book.*", "book_review")]


@pytest.mark.parametrize(
    "mappings",
    [
        pytest.param({"book.*": "book_review"}, id="a mapping that is no object"),
        pytest.param({"book.*": {"pipeline": "unknown"}}, id="a pipeline that there is not"),
        pytest.param({"book.*": {**RULE, "params": {"amazon_url": "{{ data.url }"}}}, id="braces that are no template"),
    ],
)
def test_mappings_that_could_not_work_are_refused_when_they_are_saved(mappings: Any) -> None:
    with pytest.raises(ValidationError):
        WebhookSource(secrets=["whsec_b2xkIHNlY3JldA=="], mappings=mappings)


@pytest.mark.parametrize("name", ["telegram_bot.TelegramBot", "manychat_account.ManyChatAccount"])
@pytest.mark.parametrize("zone", ["Mars/Olympus", "europe/bucharest", "UTC+2", ""])
def test_an_account_in_a_time_zone_that_there_is_not_is_refused_when_it_is_saved(name: str, zone: str) -> None:
    module, _, kind = name.partition(".")
    block = getattr(importlib.import_module(f"blocks.{module}"), kind)
    with pytest.raises(ValidationError, match=r"There is no time zone .*Europe/Bucharest"):
        block(**PROMISED[name], policy={"time_zone": zone})
