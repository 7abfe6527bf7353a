"""JSON Schemas of the records, one file a topic, generated into `schemas/`.

`python -m streams.contract.schema` writes them, `--check` says which differ (exit status 1) and writes nothing.
"""

from __future__ import annotations

import inspect
import sys
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from streams.contract.generated import keep
from streams.contract.topics import TOPICS, Topic

FOLDER = Path(__file__).parent / "schemas"


def schema_of(topic: Topic) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the records of one topic."""
    kinds: Any = reduce(or_, topic.records)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:faultline:{topic.name}",
        "title": topic.name,
        "description": topic.holds,
    }
    if len(topic.records) == 1 or all(
        issubclass(kind, Struct) and kind.__struct_config__.tag for kind in topic.records
    ):
        return _dedented(head | msgspec.json.schema(kinds))
    shapes, parts = msgspec.json.schema_components(topic.records, ref_template="#/$defs/{name}")
    return _dedented(head | {"anyOf": list(shapes), "$defs": parts})


def _dedented(schema: dict[str, Any]) -> dict[str, Any]:
    """Descriptions without their indentation, which docstrings have up to Python 3.12 and have lost since."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: inspect.cleandoc(v) if k == "description" and isinstance(v, str) else clean(v)
                for k, v in value.items()
            }
        return [clean(item) for item in value] if isinstance(value, list) else value

    return {key: clean(value) for key, value in schema.items()}


def rendered(topic: Topic) -> str:
    """The file's content."""
    return msgspec.json.format(msgspec.json.encode(schema_of(topic), order="deterministic"), indent=1).decode() + "\n"


def main(arguments: list[str], *, folder: Path = FOLDER) -> int:
    """Write the schemas, or compare them. Returns the exit status."""
    return keep({f"{topic.name}.schema.json": rendered(topic) for topic in TOPICS if topic.records}, folder, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
