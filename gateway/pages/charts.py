"""Small bar charts for the templates to draw: no script, no style, a table beside each for who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 640
HEIGHT = 160
_GAP = 0.25  # of a bar's place


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column, in the chart's own units; `series` names its colour."""

    x: float
    y: float
    width: float
    height: float
    series: str
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns of stacked parts. `highest` is the value of the upper edge."""

    bars: list[Bar]
    labels: list[str]
    series: list[str]
    rows: list[tuple[str, list[float]]]
    highest: float
    tones: Mapping[str, str] | None = None
    """By series, where a colour means something; otherwise the series are told apart in their order."""


def stacked(
    columns: Sequence[tuple[str, Mapping[str, float]]], series: Sequence[str], tones: Mapping[str, str] | None = None
) -> Chart:
    """One column per label in the given order, its parts stacked in the order of `series`; a missing part is 0."""
    rows = [(label, [float(values.get(name, 0) or 0) for name in series]) for label, values in columns]
    highest = max((sum(values) for _, values in rows), default=0.0)
    place = WIDTH / max(1, len(rows))
    bars: list[Bar] = []
    for number, (label, values) in enumerate(rows):
        top = float(HEIGHT)
        for name, value in zip(series, values, strict=True):
            height = value / highest * HEIGHT if highest else 0.0
            top -= height
            if height:
                bars.append(
                    Bar(
                        x=round((number + _GAP / 2) * place, 2),
                        y=round(top, 2),
                        width=round(place * (1 - _GAP), 2),
                        height=round(height, 2),
                        series=name,
                        label=label,
                        value=value,
                    )
                )
    return Chart(bars, [label for label, _ in rows], list(series), rows, highest, tones)
