"""JSON schemas of what models answer and of what tools take.

Pydantic builds a schema anew each time it is asked, for 2 to 4 ms, which is more than sending it takes. A class does
not change, so what was built is kept for the life of the process.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from pydantic import BaseModel


@lru_cache(maxsize=256)
def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The schema; shared, so not to be changed."""
    return model.model_json_schema()


@lru_cache(maxsize=256)
def schema_text(model: type[BaseModel]) -> str:
    """The schema as compact JSON."""
    return json.dumps(schema_of(model), ensure_ascii=False, separators=(",", ":"))
