"""Which agent works on a card. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from spine.contracts.cards import AgentPolicy, AgentRule, Card


@dataclass(frozen=True, slots=True)
class Selection:
    """An agent's name and why it is this one."""

    agent: str
    reason: str


def select_agent(card: Card, asked: str | None, policy: AgentPolicy) -> Selection:
    """The agent that was asked for with this run, else the card's own, else the first rule's, else the default."""
    if asked:
        return Selection(asked, "asked for with this run")
    if card.agent:
        return Selection(card.agent, "the card names it")
    for number, rule in enumerate(policy.rules, start=1):
        if fits(rule, card):
            return Selection(rule.agent, f"rule {number} fits")
    return Selection(policy.default_agent, "the default")


def fits(rule: AgentRule, card: Card) -> bool:
    """Whether the card has everything that the rule names; a rule that names nothing fits every card."""
    return (
        (rule.squad is None or rule.squad == card.squad)
        and {*rule.labels} <= {*card.labels}
        and (rule.title is None or fnmatchcase(card.title.lower(), rule.title.lower()))
    )
