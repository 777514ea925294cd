"""The template `book-review` v2.0: the pipeline that is seeded on first start and edited from then on."""

from __future__ import annotations

from spine.contracts.pipelines import PipelineConfig, StepConfig, StepType

SLUG = "book-review"

TEMPLATE = PipelineConfig(
    slug=SLUG,
    name="Book review",
    version="2.0",
    steps=[
        StepConfig(id="amazon_scrape", name="Read the product page", type=StepType.SCRAPING),
        StepConfig(
            id="additional_links_scrape",
            name="Read the other links",
            type=StepType.SCRAPING_LLM,
            provider="mistral",
            model_id="mistral-large-latest",
            default_prompt_purpose="book_review_link_bibliography_extract",
            optional=True,
        ),
        StepConfig(
            id="summarize_additional_links",
            name="Summarise the other links",
            type=StepType.LLM,
            provider="groq",
            model_id="llama-3.3-70b-versatile",
            default_prompt_purpose="book_review_link_summary",
            optional=True,
        ),
        StepConfig(id="consolidate_book_data", name="Merge what is known", type=StepType.DATA_PROCESSING),
        StepConfig(
            id="internet_research",
            name="Research themes and readers",
            type=StepType.SEARCH_LLM,
            provider="groq",
            default_prompt_purpose="book_review_web_research",
            optional=True,
        ),
        StepConfig(
            id="context_generation",
            name="Write the brief",
            type=StepType.LLM,
            provider="groq",
            default_prompt_purpose="context",
        ),
        StepConfig(
            id="article_generation",
            name="Write the article",
            type=StepType.LLM,
            provider="openai",
            model_id="gpt-4",
            default_prompt_purpose="article",
        ),
        StepConfig(id="publishing", name="Publish to WordPress", type=StepType.WORDPRESS, optional=True, enabled=True),
    ],
)
