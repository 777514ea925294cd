"""MiniLM as one puts it on onnxruntime by hand: its dynamic int8, padded batches sorted by length, all cores at once.

These are the prototypes that Millrace was specified with. They lie beside the project and are no part of it; where
they are not, there is nothing to measure.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_PROTOTYPES = Path(__file__).resolve().parents[3] / "shared" / "reference"
_BATCH = 16  # texts; 8 to 16 were its best

NOT_THERE = "the prototypes are not beside the project"


def padded_embedding(folder: Path) -> Callable[[Sequence[str]], Any] | None:
    """Vectors of texts, its model built in `folder`; None without the prototypes."""
    if not (_PROTOTYPES / "minilm_ef.py").exists():
        return None
    whole, small = folder / "minilm.onnx", folder / "minilm-int8.onnx"
    for script, arguments in (("build_onnx.py", [whole]), ("quantize.py", [whole, small])):
        subprocess.run([sys.executable, _PROTOTYPES / script, *arguments], check=True, capture_output=True, timeout=300)
    spec = importlib.util.spec_from_file_location("padded_minilm", _PROTOTYPES / "minilm_ef.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    embedding: Callable[[Sequence[str]], Any] = module.BundledMiniLM(str(small), batch_size=_BATCH)
    return embedding
