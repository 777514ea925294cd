"""Plots of a run as SVG: every ratio against its target, and the curves that benches hand back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.frame.figures import Curve, Figure

_WIDTH = 8.0  # inches
_SLOT = 0.28  # inches for a bar with its label
_FARTHEST = 10.0  # times better or worse than the target that are told apart
_GOOD, _BAD = "#2a7f62", "#c2452d"


def draw(measured: Mapping[Figure, float], curves: Sequence[Curve], folder: Path) -> list[str]:
    """Names of the files that were drawn; none where matplotlib is not installed (`make bench` installs it)."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        return []
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "millrace", "font.size": 8, "svg.fonttype": "none"})
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_against_targets(measured, folder)] if measured else []
    by_plot = sorted(curves, key=lambda curve: curve.plot)
    return drawn + [_lines(plot, list(group), folder) for plot, group in groupby(by_plot, key=lambda one: one.plot)]


def _against_targets(measured: Mapping[Figure, float], folder: Path) -> str:
    """How many times better than its target each figure is, on a logarithmic axis: left of 1 is missed."""
    import matplotlib.pyplot as plt

    room = {f"{figure.bench}: {figure.name}": figure.target.room(value) for figure, value in measured.items()}
    shown = {name: min(max(value, 1 / _FARTHEST), _FARTHEST) for name, value in room.items()}
    figure, axes = plt.subplots(figsize=(_WIDTH, 1 + _SLOT * len(shown)))
    axes.barh(list(shown), [v - 1 for v in shown.values()], left=1, color=[_tone(v) for v in shown.values()])
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel(f"times better than the target (1 = just met; {_FARTHEST:.0f} = that or more)")
    return _save(figure, folder / "targets.svg")


def _tone(room: float) -> str:
    return _GOOD if room >= 1 else _BAD


def _lines(plot: str, curves: Sequence[Curve], folder: Path) -> str:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(_WIDTH, 4))
    for curve in curves:
        axes.plot(*zip(*curve.points, strict=True), marker="o", label=curve.line)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(curves[0].x)
    axes.set_ylabel(curves[0].y)
    axes.set_title(plot)
    axes.legend(fontsize=7)
    return _save(figure, folder / f"{plot.replace(' ', '-')}.svg")


def _save(figure: Any, file: Path) -> str:
    import matplotlib.pyplot as plt

    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return file.name
