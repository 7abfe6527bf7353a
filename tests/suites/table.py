"""A table of cases as one test: where a case takes microseconds, a test of its own takes a hundred times as long, most
of it in pytest and on the way between its workers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import pytest

CASE_CHARS_MAX: Final = 120
_Rows = list[tuple[str, dict[str, Any]]]


def each(names: str | Sequence[str], rows: Iterable[Any], ids: Iterable[str] | None = None) -> Callable[..., Any]:
    """As `pytest.mark.parametrize`, one above another too, but all cases are tried in one test.

    It fails with all cases that do, each by its id, or else by its values, and the first one's traceback. Another
    exception ends it, and says of which case it is. Fixtures are not given.
    """
    known = _rows(names, rows, ids)

    def made(test: Callable[..., None]) -> Callable[[], None]:
        tables: list[_Rows] = [known, *getattr(test, "tables", ())]
        case: Callable[..., None] = getattr(test, "case", test)

        def tried() -> None:
            wrong: list[tuple[str, BaseException]] = []
            for combined in itertools.product(*tables):
                name = ", ".join(name for name, _ in combined)
                try:
                    case(**{key: value for _, row in combined for key, value in row.items()})
                except (AssertionError, pytest.fail.Exception) as error:
                    wrong.append((name, error))
                except Exception as error:
                    error.add_note(f"in the case {name}")
                    raise
            if wrong:
                told = "\n".join(f"[{name}] {error}" for name, error in wrong)
                raise AssertionError(f"{len(wrong)} cases are wrong\n{told}") from wrong[0][1]

        tried.__name__, tried.__doc__, tried.__module__ = case.__name__, case.__doc__, case.__module__
        tried.__qualname__, tried.tables, tried.case = case.__qualname__, tables, case  # type: ignore[attr-defined]
        return tried

    return made


def _rows(names: str | Sequence[str], rows: Iterable[Any], ids: Iterable[str] | None) -> _Rows:
    single = isinstance(names, str)
    keys = [names] if isinstance(names, str) else list(names)
    values = [(row,) if single else tuple(row) for row in rows]
    told = [repr(row[0] if single else row)[:CASE_CHARS_MAX] for row in values] if ids is None else list(ids)
    return [(name, dict(zip(keys, row, strict=True))) for name, row in zip(told, values, strict=True)]
