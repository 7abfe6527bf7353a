"""Files that are made from code and kept beside it: written anew, or compared with what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def keep(files: Mapping[str, str], folder: Path, arguments: Sequence[str]) -> int:
    """Write the files that differ, or with `--check` only name them. Returns the exit status: 1 when some differ then.

    `files`: text by name.
    """
    is_check = "--check" in arguments
    differ = []
    for name, text in files.items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        differ.append(name)
        if not is_check:
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in differ:
        print(f"{name}: {'differs; run `make schemas`' if is_check else 'written'}")
    return 1 if differ and is_check else 0
