from datetime import timedelta

import pytest
from builders import NOON, a_paper
from sqlalchemy import select, update

from digest.model import Purpose, SubscriberStatus
from digest.store import bounces, outbox, subscribers, summaries, tables
from digest.store.bounces import BounceRow
from digest.store.outbox import Planned
from digest.store.summaries import Summary

DAY = timedelta(days=1)


@pytest.fixture
def mails(engine):
    """Plan mails to one subscriber, sent a day apart (or failed); return their row ids."""

    def mails(count, *, state="sent", cause=""):
        with engine.begin() as connection:
            person = subscribers.ensure(
                connection, "ada@example.org", status=SubscriberStatus.CONFIRMED, now=NOON, via="x"
            )
            rows = [
                Planned(
                    purpose=Purpose.NOTICE,
                    address="ada@example.org",
                    address_hmac="0" * 64,
                    subscriber_id=person,
                    message_id=f"<m{n}@example.org>",
                )
                for n in range(count)
            ]
            outbox.plan(connection, rows, NOON)
            ids = list(connection.scalars(select(tables.deliveries.c.id).order_by("id")))
            for n, row_id in enumerate(ids):
                values = {"state": state, "cause": cause, "sent_at": NOON + n * DAY}
                connection.execute(
                    update(tables.deliveries)
                    .where(tables.deliveries.c.id == row_id)
                    .values(**values | ({} if state == "sent" else {"sent_at": None}))
                )
        return ids

    return mails


def a_bounce(key="k1", **changes):
    values = {"received_at": NOON, "kind": "soft", "mailbox_key": key}
    return BounceRow(**(values | changes))


def test_a_mail_is_taken_in_once(engine):
    with engine.begin() as connection:
        assert bounces.add(connection, [a_bounce("a"), a_bounce("b")]) == {"a", "b"}
        assert bounces.add(connection, [a_bounce("b"), a_bounce("c")]) == {"c"}
        assert bounces.known(connection, ["a", "c", "d"]) == {"a", "c"}
        assert [row.mailbox_key for row in bounces.latest(connection, limit=2)] == ["c", "b"]


def test_mails_that_got_through_between_two_refusals_are_seen(engine, mails):
    first, second, third = mails(3)
    with engine.begin() as connection:
        found = bounces.by_id(connection, [first, second, third, 99])
        assert set(found) == {first, second, third}
        assert not bounces.received_since_refusal(connection, found[third])
        bounces.add(connection, [a_bounce("a", delivery_id=first)])
        assert bounces.received_since_refusal(connection, found[third])
        bounces.add(connection, [a_bounce("b", delivery_id=second)])
        assert not bounces.received_since_refusal(connection, found[third])


def test_refusals_on_the_wire_are_found_until_they_are_counted(engine, mails):
    ids = mails(3, state="failed", cause="full")
    with engine.begin() as connection:
        since = NOON - DAY
        assert len(bounces.at_the_door(connection, ["full"], since, limit=2)) == 2
        assert bounces.at_the_door(connection, ["policy"], since, limit=2) == []
        bounces.add(connection, [a_bounce("a", delivery_id=ids[0])])
        left = bounces.at_the_door(connection, ["full"], since, limit=9)
        assert [one.row_id for one in left] == ids[1:]


def test_a_message_id_names_its_delivery(engine, mails):
    [only] = mails(1)
    with engine.begin() as connection:
        [found] = bounces.by_message_id(connection, ["<m0@example.org>", "<x@example.org>"])
        assert (found.row_id, found.address) == (only, "ada@example.org")
        assert bounces.by_message_id(connection, []) == []


def test_the_score_and_the_cursor_are_kept(engine, mails):
    mails(1)
    with engine.begin() as connection:
        bounces.set_score(connection, 1, 3, NOON)
        assert bounces.score_of(connection, 1) == (3, NOON)
        assert bounces.score_of(connection, 99) == (0, None)
        assert bounces.cursor(connection, "box") == ""
        bounces.set_cursor(connection, "box", "7 1")
        bounces.set_cursor(connection, "box", "7 2")
        assert bounces.cursor(connection, "box") == "7 2"


def test_a_summary_is_one_a_paper_and_language(engine):
    paper = a_paper(1)

    def said(text, language="English", at=NOON):
        return Summary(
            paper_id=1,
            language=language,
            fingerprint=summaries.fingerprint(paper),
            text=text,
            made_at=at,
        )

    with engine.begin() as connection:
        summaries.keep(connection, [said("One."), said("Eins.", "German")])
        summaries.keep(connection, [said("Two.", at=NOON + DAY)])
        found = summaries.of_papers(connection, {5: paper}, language="English")
        assert found[5].text == "Two."  # asked for by the id that was merged away
        assert summaries.count_since(connection, NOON) == 2
        assert summaries.count_since(connection, NOON + DAY) == 1
        changed = a_paper(1, title="Another title")
        assert summaries.of_papers(connection, {1: changed}, language="English") == {}


def test_a_refusal_finds_the_mail_by_name_or_by_who_reads_at_the_address(engine, mails):
    notice, edition = mails(2)
    ada = bounces.Mailbox(key="ada@example.org", hmac="0" * 64)
    with engine.begin() as connection:
        row = tables.deliveries.c
        connection.execute(update(tables.deliveries).where(row.id == edition).values(edition_id=7))

        def found(*references, mailbox=ada, since=NOON):
            refused, is_named = bounces.to_address(connection, mailbox, references, since)
            return (refused and refused.row_id, is_named)

        assert (found("m0@example.org"), found()) == ((notice, True), (edition, False))
        assert found("m1@example.org", mailbox=bounces.Mailbox(key="a@b", hmac="1" * 64))[0] is None
        subscribers.change_address(connection, 1, "ada@example.com")
        assert (found("m1@example.org"), found()) == ((edition, True), (notice, False))
