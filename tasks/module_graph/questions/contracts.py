"""What goes through the graph `customer-question`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Category = Literal["order", "delivery", "billing", "product", "technical", "account", "general"]


class CustomerQuestion(BaseModel):
    """A question as a customer asked it."""

    username: str = Field(min_length=1, max_length=200)
    projeto: str = Field(min_length=1, max_length=200, description="the project or shop that was asked")
    pergunta: str = Field(min_length=1, max_length=20_000)


class IntentReading(BaseModel):
    """Whether the question can be answered, and what it is about."""

    answerable: bool
    reason: str = Field(description="why it can or cannot be answered, in the language of the question")
    category: Category
    entities: list[str] = Field(default_factory=list[str], max_length=30, description="named things, word for word")
    language: Literal["pt", "en"] = "pt"


class Intent(IntentReading):
    """A reading and who made it."""

    provider: str = ""
    model_id: str = ""


class ValidQuestion(CustomerQuestion):
    """A question that can be answered."""

    category: Category = "general"
    language: Literal["pt", "en"] = "pt"


class PastQuestion(BaseModel):
    """Something that the customer asked before."""

    text: str
    category: Category


class PreferenceReading(BaseModel):
    """What earlier questions say about a customer."""

    preferences: list[str] = Field(max_length=10, description="one sentence each, in the language of the question")
    summary: str


class Preferences(PreferenceReading):
    """What is known about a customer, with the figures that it rests on."""

    username: str
    projeto: str
    questions_seen: int = Field(description="earlier questions and messages of this customer")
    categories: dict[str, int] = Field(default_factory=dict[str, int], description="how often each was asked about")
    topics: list[str] = Field(default_factory=list[str])
    language: Literal["pt", "en"] = "pt"
    detail: Literal["short", "detailed", "unknown"] = "unknown"
    provider: str = ""
    model_id: str = ""
