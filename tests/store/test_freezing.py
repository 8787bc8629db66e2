from __future__ import annotations

from dataclasses import replace

from builders import NOON, a_pick, an_edition
from sqlalchemy import insert

from digest.model import Completeness, SourceLine
from digest.store import editions, ledger
from digest.store.editions import EditionOutcome
from digest.store.tables import subscribers


def freeze(engine, *drafts):
    with engine.begin() as connection:
        return editions.freeze(connection, drafts, EditionOutcome.MAILED)


def a_draft(number, *picks):
    line = SourceLine(source="arxiv", new=3, completeness=Completeness.CONFIRMED)
    draft = an_edition(picks=picks, other_ids=(7, 8), other_count=2, source_lines=(line,))
    return replace(draft, row_id=0, subscription_id=number, subscriber_id=number)


def subscribe(engine, *numbers):
    with engine.begin() as connection:
        for n in numbers:
            connection.execute(
                insert(subscribers).values(
                    id=n, address=f"a{n}@b.org", address_key=f"a{n}@b.org", status="confirmed",
                    created_at=NOON,
                )
            )  # fmt: skip


def test_an_edition_comes_back_as_it_was_frozen(engine):
    subscribe(engine, 1, 2)
    made = freeze(engine, a_draft(1, a_pick(1, reason="“é” {},"), a_pick(2)), a_draft(2))
    with engine.begin() as connection:
        found = editions.load_many(connection, [edition.row_id for edition in made])
    assert [found[edition.row_id] for edition in made] == made
    assert made[0].picks[0].reason == "“é” {},"


def test_a_slot_is_filled_once_and_the_ledger_with_it(engine):
    subscribe(engine, 1, 2)
    freeze(engine, a_draft(1, a_pick(1)))
    made = freeze(engine, a_draft(1, a_pick(5)), a_draft(2, a_pick(5)))
    assert [edition.subscription_id for edition in made] == [2]
    with engine.begin() as connection:
        assert ledger.shown_to(connection, [1, 2, 3], [1, 5]) == {1: {1}, 2: {5}}
