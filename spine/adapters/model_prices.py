"""What a model call cost, from the price list that ships with `genai-prices`; nothing is fetched."""

from __future__ import annotations

_LISTED_AS = {"openai": "openai", "groq": "groq", "mistral": "mistral", "claude": "anthropic"}


def price_usd(
    provider: str, model_id: str, input_tokens: int, output_tokens: int, base_url: str | None = None
) -> float | None:
    """US dollars for the tokens; None when the model's price or the number of tokens is not known, never 0.

    A provider outside the list is looked up by its address.
    """
    if not input_tokens and not output_tokens:
        return None
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    try:
        if listed_as := _LISTED_AS.get(provider):
            return float(calc_price(usage, model_id, provider_id=listed_as).total_price)
        if base_url:
            return float(calc_price(usage, model_id, provider_api_url=base_url).total_price)
    except (LookupError, ValueError):
        return None
    return None
