"""Tables of the command line on narrow terminals."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from deployments.cli.tables import table_of

JOB = "job_01a226e11a3cef68cbbfa7de"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_an_identifier_can_be_copied_whatever_the_width(width: int) -> None:
    shown = StringIO()
    columns = ("job_id", "pipeline", "status", "progress", "current_step", "subject_id")
    row = [JOB, "persona_ingestion", "SUCCESS", "100.0", "additional_links_scrape", "[red]sub_3b7d9ba1e47b48d150d39c53"]
    Console(file=shown, width=width).print(table_of(columns, [row]))
    assert JOB in shown.getvalue()
    assert max(len(line) for line in shown.getvalue().splitlines()) <= width
