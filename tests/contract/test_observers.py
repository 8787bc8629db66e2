"""Every observer of popularity found on disk keeps the same promises."""

from __future__ import annotations

import contextlib
import math
import pkgutil
from datetime import UTC, datetime

import pytest
from test_sources import RUBBISH, payloads

import digest.sources.signals
from digest.config import load_config
from digest.errors import ConfigError, SourceError
from digest.plugins import resolve
from digest.sources import Body
from digest.sources._arxiv_list import parse_list
from digest.sources.signals import Subject

KINDS = sorted(
    module.name
    for module in pkgutil.iter_modules(digest.sources.signals.__path__)
    if not module.name.startswith("_")
)
PAYLOADS = payloads()
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def make():
    settings = load_config().settings
    return lambda kind: resolve(kind, "digest.sources.signals", "observer")(settings)


def body(content: bytes) -> Body:
    return Body(
        url="https://example.org/", content=content, label="2026-04-14",
        fetched_at=datetime(2026, 4, 14, tzinfo=UTC),
    )  # fmt: skip


@each_kind
def test_an_observer_says_who_it_is(kind, make):
    assert make(kind).name == kind
    assert make(kind).provider


@each_kind
@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_is_an_error_not_a_lack_of_votes(kind, rubbish, make):
    with pytest.raises(SourceError):
        make(kind).parse(body(RUBBISH[rubbish]))


@each_kind
def test_a_paper_that_nobody_can_know_has_no_handle(kind, make):
    assert make(kind).handles(Subject(paper_id=1, keys=("feed:blog/post",))) == ()


def test_an_unknown_observer_is_a_mistake_in_the_configuration():
    with pytest.raises(ConfigError, match=r"signals\.kinds: .*likes"):
        load_config(overrides={"signals": {"kinds": ["likes"]}})


@pytest.mark.slow
@each_kind
@pytest.mark.skipif(not PAYLOADS, reason="no folder of recorded answers")
def test_every_observer_survives_real_and_nasty_answers(kind, make):
    observer = make(kind)
    for path in PAYLOADS:
        with contextlib.suppress(SourceError):
            for handle, signals in observer.parse(body(path.read_bytes())).items():
                assert handle
                assert all(math.isfinite(signal.value) for signal in signals)


@pytest.mark.slow
@pytest.mark.skipif(not PAYLOADS, reason="no folder of recorded answers")
def test_no_other_answer_is_taken_for_a_listing_page():
    read = []
    for path in PAYLOADS:
        with contextlib.suppress(SourceError):
            parse_list("a", body(path.read_bytes()))
            read.append(path.parent.name)
    assert set(read) == {"arxiv_listing"}
