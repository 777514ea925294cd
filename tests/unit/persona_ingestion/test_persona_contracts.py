"""What a caller may ask of an ingestion."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from spine.contracts.personas import MOST_PLACES, IngestRequest, Persona, SourceReport


def test_an_ingestion_takes_all_collections_unless_it_is_told_otherwise() -> None:
    assert IngestRequest().collections == ["works", "quotes", "profile"]
    assert IngestRequest(collections=["quotes", "works", "quotes"]).collections == ["quotes", "works"]


@pytest.mark.parametrize(
    "body",
    [
        *({"source": source} for source in ("../x", "/etc", "a/../../b", "", " ", "a\\b", "x" * 501)),
        *({"collections": collections} for collections in ([], ["poems"])),
        {"folder": "x"},
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IngestRequest.model_validate(body)


@pytest.mark.parametrize("persona_id", ["", "..", "a/b", "-a", "a b", "a.b", "ș", "x" * 65])
def test_a_persona_is_named_by_plain_letters(persona_id: str) -> None:
    with pytest.raises(ValidationError):
        Persona(persona_id=persona_id)


def test_a_new_persona_is_a_draft_with_nothing_in_it() -> None:
    persona = Persona(persona_id="mihai-eminescu_1")
    assert persona.status == "draft"
    assert {view.status for view in persona.collections.values()} == {"pending"}
    assert persona.total_vectors == 0


def test_a_report_names_the_first_places_and_counts_them_all() -> None:
    report = SourceReport(file="a", collection="works", work="a", kind="txt", size=1)
    for line in range(MOST_PLACES + 50):
        report.leave_out("is bad", line=line)
    assert (len(report.left_out), report.left_out_total) == (MOST_PLACES, MOST_PLACES + 50)
