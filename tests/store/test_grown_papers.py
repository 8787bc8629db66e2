from datetime import timedelta

import pytest
from builders import NOON, a_record

from digest.model import Observation
from digest.store import papers, signals, sources
from digest.store.ingest import ingest

START = NOON - timedelta(days=3)
LONG_AGO = NOON - timedelta(days=10)


@pytest.fixture
def stored(engine):
    """Give a function that stores papers by number with their votes at each day before noon."""
    with engine.begin() as connection:
        sources.ensure(connection, {"arxiv-ml": "arxiv", "feed": "rss"})

        def store(votes, *, source="arxiv-ml", at=LONG_AGO, kind="hf_upvotes"):
            records = [
                a_record(n, source=source, announced_on=at.date(), published_at=at) for n in votes
            ]
            ingest(connection, source=source, records=records, now=at)
            known = papers.by_key(connection, [r.key for r in records])
            told = {
                known[record.key].row_id: [
                    Observation(kind=kind, observed_at=NOON - timedelta(days=day), value=value)
                    for day, value in several.items()
                ]
                for record, several in zip(records, votes.values(), strict=True)
            }
            signals.append(connection, told)

        def grown(most=9, **changes):
            found = papers.grown(
                connection,
                **{
                    "seen_from": START - timedelta(days=30),
                    "window_start": START,
                    "window_end": NOON,
                    "most_of_kind": most,
                }
                | changes,
            )
            return {int(paper.key[-5:]) for paper in found}

        yield store, grown


def test_only_growth_within_the_window_counts(stored):
    store, grown = stored
    store({1: {4: 3.0, 1: 50.0}, 2: {9: 3.0, 4: 50.0, 1: 50.0}, 3: {4: 3.0, -1: 50.0}, 4: {}})
    assert grown() == {1}


def test_papers_of_the_window_and_of_long_before_are_not_among_them(stored):
    store, grown = stored
    store({1: {2: 3.0, 1: 50.0}}, at=NOON - timedelta(days=2))
    store({2: {4: 3.0, 1: 50.0}}, at=START - timedelta(days=31))
    assert grown() == set()


def test_each_kind_of_signal_has_its_own_places(stored):
    store, grown = stored
    store({n: {4: 0.0, 1: 1000.0 + n} for n in (1, 2, 3)}, kind="github_stars")
    store({n: {4: 0.0, 1: float(n)} for n in (4, 5)})
    assert grown(most=1) == {3, 5}


def test_only_papers_of_the_sources_asked_for(stored):
    store, grown = stored
    store({1: {4: 3.0, 1: 50.0}})
    store({2: {4: 3.0, 1: 50.0}}, source="feed")
    assert grown(sources=("feed",)) == {2}
