"""The base of all tables of options: unknown keys and values of another type are mistakes.

pydantic turns ``730`` into 00:12:10, ``"yes"`` into true and 1.0 into 1; in a configuration
each of these is a slip that nobody sees. Text stands for numbers only where it comes from the
environment, which knows nothing else.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

OPTIONS = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WANTED = {
    bool: "true or false, without quotes",
    int: "a whole number such as 10, without quotes",
    float: "a number such as 0.5, without quotes",
    time: 'a time of day in quotes such as "07:30"',
    date: "a day such as 2026-12-31",
    str: 'text in quotes such as "x"',
}


class EnvironmentText(str):
    """A value from the environment, where numbers and true and false are text."""

    __slots__ = ()


class Exact(BaseModel):
    """A table of options that takes each value as it is written, and never changes."""

    model_config = OPTIONS

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_type(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        if field is not None:
            check(value, field.annotation)
        return value


def check(value: Any, annotation: Any) -> None:
    """Raise ValueError, saying what to write, for a value that only a conversion would make fit.

    Looks into lists and tables. What can be converted to no scalar is left to pydantic.
    """
    if isinstance(value, EnvironmentText):
        return
    if isinstance(value, list | tuple):
        inner = _inner(annotation)
        for part in value if inner is not None else ():
            check(part, inner)
        return
    if isinstance(value, dict):
        inner = _inner(annotation, of_table=True)
        for part in value.values() if inner is not None else ():
            check(part, inner)
        return
    scalars = list(_scalars(annotation))
    wanted = [kind for kind in scalars if kind in _WANTED]
    if not wanted or len(wanted) < len(scalars) or any(_is_a(value, kind) for kind in wanted):
        return
    if value is None and _is_optional(annotation):
        return
    shown = repr(value) if not isinstance(value, bool) else str(value).lower()
    raise ValueError(f"expected {' or '.join(_WANTED[k] for k in wanted)}, not {shown[:60]}")


def _is_a(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float)
    if kind is time:
        if isinstance(value, str):
            return _TIME.fullmatch(value.strip()) is not None
        return isinstance(value, time) and value.tzinfo is None
    if kind is date:
        if isinstance(value, str):
            return _DAY.fullmatch(value.strip()) is not None
        return isinstance(value, date) and not isinstance(value, datetime)
    return isinstance(value, kind)


def _scalars(annotation: Any) -> Iterator[Any]:
    """Return the types that a single value may have; None is none of them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _scalars(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _scalars(part)
    elif annotation is not type(None):
        yield annotation


def _is_optional(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _inner(annotation: Any, *, of_table: bool = False) -> Any:
    """Return the type of a collection's values; None where it is no collection."""
    for part in _scalars(annotation):
        arguments = get_args(part)
        if of_table and get_origin(part) is dict:
            return arguments[1]
        if not of_table and get_origin(part) in (list, tuple, set, frozenset) and arguments:
            return arguments[0]
    return None
