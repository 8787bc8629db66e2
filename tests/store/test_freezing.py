from __future__ import annotations

from dataclasses import replace

import crowd
from builders import NOON, a_pick, an_edition
from sqlalchemy import insert, literal, select

from digest.model import Completeness, SourceLine
from digest.store import due, editions, ledger
from digest.store._bulk import insert_many, insert_new, update_many
from digest.store.database import is_sqlite
from digest.store.editions import EditionOutcome
from digest.store.tables import shown, subscribers


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


def test_who_is_held_is_planned_by_nobody_else(engine):
    with engine.begin() as connection:
        crowd.fill(connection, people=3, works=5, due_at=NOON)
    with engine.begin() as one:
        due.hold(one, [2])
        if is_sqlite(engine):  # whoever writes holds everybody
            return
        with engine.begin() as other:
            found = due.block(other, NOON, limit=9)
            assert [subscription.subscriber.row_id for subscription in found] == [1, 3]


def test_the_ledger_holds_many_papers_and_finds_one(engine):
    subscribe(engine, 1, 12)
    with engine.begin() as connection:
        ledger.enter(connection, [(1, 5, [3, 123, 40]), (1, 6, []), (12, 7, [23])])
        assert ledger.shown_to(connection, [1, 12], [12, 23, 40]) == {1: {40}, 12: {23}}
        assert ledger.edition_showing(connection, 1, 123) == 5
        assert ledger.edition_showing(connection, 1, 23) is None
        held = [ledger.showed(literal(paper)) for paper in (12, 23, 123)]
        found = [connection.scalars(select(shown.c.edition_id).where(one)).all() for one in held]
        assert found == [[], [7], [5]]


def test_rows_with_every_sign_are_copied_as_they_are(engine):
    texts = ('tab\t and "quotes"', "line\nbreak \\ and \\n", "{braces}, NULL, \\N", "é – 字")
    with engine.begin() as connection:
        rows = [(n, text, str(n), "new", "1999-01-01 00:00:00") for n, text in enumerate(texts, 1)]
        columns = ("id", "address", "address_key", "status", "created_at")
        insert_many(connection, subscribers, columns, rows)
        insert_new(
            connection, subscribers, columns, [(9, texts[1], "9", "new", rows[0][4]), rows[0]]
        )
        moved = [(text[::-1], n) for n, text in enumerate(texts, 1)]
        stored = connection.scalars(select(subscribers.c.address).order_by(subscribers.c.id)).all()
        assert stored == [*texts, texts[1]]
        update_many(connection, subscribers, ("address", "id"), moved, key=1)
        stored = connection.scalars(select(subscribers.c.address).order_by(subscribers.c.id)).all()
        assert stored == [*(text[::-1] for text in texts), texts[1]]
