from dataclasses import replace
from datetime import datetime

import pytest
from builders import a_record

from digest.model import Signal
from digest.papers.facts import Facts


def flaw(**changes):
    return Facts(replace(a_record(), **changes), "a").prepared().flaw


def test_a_usual_record_has_no_flaw():
    assert flaw() == ""


def test_words_about_nul_are_none():
    assert flaw(abstract=r"escapes like \u0000 break parsers") == ""
    assert "NUL" in flaw(abstract="a backslash \\\x00 before it")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": "  "}, "no title"),
        ({"key": "arxiv"}, "not scheme:value"),
        ({"asserted_ids": ("doi:" + "x" * 301,)}, "not scheme:value"),
        ({"native_id": "x" * 400}, "native id is too long"),
        ({"published_at": datetime(2026, 4, 14)}, "no time zone"),
        ({"version": 10_000}, "version is 10000"),
        ({"signals": (Signal(kind="upvotes", value=float("nan")),)}, "not a number"),
        ({"abstract": "half a pair \ud800"}, "surrogate"),
        ({"abstract": "nothing \x00 here"}, "NUL"),
    ],
)
def test_what_no_database_keeps_is_named(changes, reason):
    assert reason in flaw(**changes)
