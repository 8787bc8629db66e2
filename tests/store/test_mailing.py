from __future__ import annotations

from dataclasses import replace

from builders import NOON, a_pick, a_profile, an_edition

from digest.model import Completeness, Frequency, SourceLine, SubscriberStatus
from digest.store import editions, mailing, profiles, subscribers
from digest.store.editions import EditionOutcome


def frozen(engine, **look):
    """Store a reader with one edition; return the edition."""
    with engine.begin() as connection:
        status = SubscriberStatus.CONFIRMED
        reader = subscribers.ensure(connection, "ada@example.org", status=status, now=NOON, via="t")
        profile_id, _ = profiles.save(connection, a_profile(**look), origin="web", now=NOON)
        row_id = profiles.subscribe(
            connection, subscriber_id=reader, profile_id=profile_id, status=status,
            next_slot_at=NOON, now=NOON, via="web",
        )  # fmt: skip
        line = SourceLine(source="arxiv", new=3, completeness=Completeness.CONFIRMED)
        draft = an_edition(
            picks=(a_pick(1, reason="“é” {},"), a_pick(2, section="trending", is_new=False)),
            other_ids=(7, 8), other_count=2, source_lines=(line,), frequency=Frequency.WEEKLY,
        )  # fmt: skip
        draft = replace(draft, row_id=0, subscription_id=row_id, subscriber_id=reader)
        (made,) = editions.freeze(connection, [draft], EditionOutcome.MAILED)
        return made


def test_what_a_mail_is_made_of_is_what_the_slow_way_reads(engine):
    made = frozen(engine, title="Ada's", locale="de", abstracts="full", all_titles=False)
    with engine.begin() as connection:
        found = mailing.load(connection, [made.row_id, made.row_id + 1])
        (slow,) = profiles.subscriptions_of(connection, subscriber_id=made.subscriber_id)
    assert found.keys() == {made.row_id}
    edition, address, look = found[made.row_id]
    assert edition == made
    assert address == slow.subscriber.address
    for name in ("name", "title", "locale", "abstracts", "all_titles"):
        assert getattr(look, name) == getattr(slow.profile, name)


def test_nothing_is_asked_of_no_editions(engine):
    with engine.begin() as connection:
        assert mailing.load(connection, []) == {}
