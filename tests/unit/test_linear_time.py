"""Nothing that looks at outside text takes longer than in proportion to its length.

Patterns and functions are found, not listed: a new one is tried as soon as it stands anywhere.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest
from builders import NOON
from growth import growth
from hostile_inputs import REPEATED
from patterns import ANCHORED, Found, all_patterns, texts_for

from digest.errors import DigestError
from digest.sources import Body

TEMPLATES = ("digest.rendering.inlining", "digest.rendering.parts")
"""Their patterns read the owner's own templates, once, when the program starts."""
ROOMS = ("digest.text", "digest.sources", "digest.delivery.bounces", "digest.rendering")
MODULES = ("digest.logs",)
SHARES = 4


def complaints(one: Found) -> Iterator[str]:
    pattern, runs = one.pattern, _runs(one)
    for before, pump, end in [*(("", unit, "") for unit in REPEATED.values()), *texts_for(pattern)]:
        for name, run in runs.items():
            if reason := growth(run, lambda n: before + pump * max(1, n // len(pump)) + end):  # noqa: B023
                yield f"{name} on {before!r} + {pump!r} * n + {end!r}: {reason}"
                return


def _runs(one: Found) -> dict[str, Callable[[str], object]]:
    pattern = one.pattern
    is_bytes = isinstance(pattern.pattern, bytes)

    def given(text: str) -> Any:
        return text.encode("utf-8", "replace") if is_bytes else text

    runs: dict[str, Callable[[str], object]] = {
        name: lambda text, name=name: getattr(pattern, name)(given(text))
        for name in one.methods & ANCHORED
    }
    if one.methods - ANCHORED:
        runs["sub"] = lambda text: pattern.sub(given(""), given(text))
    return runs


@pytest.fixture(scope="module")
def patterns():
    found = all_patterns().values()
    return sorted(
        (one for one in found if not all(place.startswith(TEMPLATES) for place in one.places)),
        key=lambda one: sorted(one.places),
    )


@pytest.mark.parametrize("share", range(SHARES))
def test_every_pattern_takes_time_in_proportion_to_the_text(patterns, share):
    assert len(patterns) > 200
    faults = [
        f"{', '.join(sorted(one.places))}: {reason}"
        for one in patterns[share::SHARES]
        for reason in complaints(one)
    ]
    assert not faults, "\n".join(faults)


SLOW = {
    "quadratic search": (r"\s+;", "sub"),
    "an end looked for from every beginning": (r"<!--.*?-->", "sub"),
    "two repeats side by side": (r"a+a+b", "match"),
    "cubic": (r"[^\s]+@[^\s]+\.[^\s]+", "sub"),
    "exponential": (r"(a+)+b", "match"),
    "space on both sides": (r"x\s*y?\s*z", "match"),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_pattern_would_be_found(name):
    source, method = SLOW[name]
    assert list(complaints(Found(re.compile(source), set(), {method})))


@pytest.mark.parametrize("source", [r"(?<!\S)\S++;", r"(?<!\s)\s++;", "a|b|c", r"[A-Z][a-z]+ "])
def test_a_fast_pattern_is_not_blamed(source):
    assert not list(complaints(Found(re.compile(source), set(), {"sub"})))


# --- Functions ----------------------------------------------------------------------------------

GIVEN: dict[object, object] = {
    int: 100, float: 1.0, bool: True, str: "x", bytes: b"x", datetime: NOON, date: NOON.date(),
}  # fmt: skip


def functions() -> Iterator[tuple[str, Callable[[str], object]]]:
    """Yield public functions of one text (whatever else they need is made up)."""
    seen = set()
    for module in [importlib.import_module(name) for name in (*MODULES, *_names())]:
        for name, function in vars(module).items():
            if name.startswith("_") or not inspect.isfunction(function) or function in seen:
                continue
            if not function.__module__.startswith((*ROOMS, *MODULES)):
                continue
            seen.add(function)
            yield from _callable(f"{function.__module__}.{function.__qualname__}", function)


def _names() -> Iterator[str]:
    for room in ROOMS:
        package = importlib.import_module(room)
        yield room
        for one in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not one.name.endswith("__main__") and not one.name.startswith(TEMPLATES):
                yield one.name


def _callable(
    name: str, function: Callable[..., object]
) -> Iterator[tuple[str, Callable[[str], object]]]:
    try:
        wanted = inspect.signature(function, eval_str=True).parameters.values()
    except NameError:  # a name that only the type checker knows
        return
    required = [one for one in wanted if one.default is one.empty or one.annotation in (str, bytes)]
    makers: dict[str, Callable[[str], object]] = {}
    fixed: dict[str, object] = {}
    for one in required:
        if one.annotation is str or one.annotation is Any:
            makers[one.name] = str
        elif one.annotation is bytes:
            makers[one.name] = lambda text: text.encode("utf-8", "replace")
        elif one.annotation is Body:
            makers[one.name] = lambda text: Body(
                url="http://x.example/", content=text.encode("utf-8", "replace"), fetched_at=NOON
            )
        elif one.annotation in GIVEN:
            fixed[one.name] = GIVEN[one.annotation]
        elif one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        else:
            return
    positional = [one.name for one in required if one.kind is one.POSITIONAL_ONLY]
    for attacked, made in makers.items():

        def run(text: str, attacked: str = attacked, made: Any = made) -> object:
            values = {**{key: make("x") for key, make in makers.items()}, **fixed}
            values[attacked] = made(text)
            try:
                return function(*[values.pop(key) for key in positional], **values)
            except (DigestError, ValueError):
                return None

        yield f"{name}({attacked})", run


EFFECTS = (
    *("digest.logs.new_run", "digest.logs.configure", "digest.rendering.dkim."),
    *("digest.rendering.setup.", "digest.rendering.templates.", "digest.sources._http.connection."),
)
"""Functions that change how the process logs, read keys, or ask the network."""


def test_every_function_of_a_text_takes_time_in_proportion_to_it():
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    tried, faults = 0, []
    for name, run in functions():
        if name.startswith(EFFECTS):
            continue
        tried += 1
        for unit_name, unit in REPEATED.items():
            for before in ("", "A title "):
                make = lambda n: before + unit * max(1, n // len(unit))  # noqa: B023, E731
                if reason := growth(run, make, last=2048):
                    faults.append(f"{name} on {unit_name} after {before!r}: {reason}")
                    break
    assert tried > 80
    assert not faults, "\n".join(faults)
