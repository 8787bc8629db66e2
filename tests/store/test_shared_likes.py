"""Whose likes may count for others: only of who said so, as long as they do."""

from datetime import timedelta

from builders import NOON, a_profile, a_record
from sqlalchemy import update

from digest.model import Feedback, FeedbackKind, SubscriberStatus
from digest.store import erasing, feedback, merging, papers, profiles, subscribers
from digest.store.ingest import ingest
from digest.store.tables import subscriptions


def a_like(connection, reader, kind=FeedbackKind.MORE, at=NOON, number=1):
    record = a_record(number)
    ingest(connection, source="arxiv", records=[record], now=NOON)
    paper_id = papers.by_key(connection, [record.key])[record.key].row_id
    feedback.record(connection, reader, Feedback(paper_id=paper_id, kind=kind, at=at))
    return paper_id


def a_reader(connection, name, *answers, status=SubscriberStatus.CONFIRMED):
    """Make a reader with one subscription an answer."""
    row_id = subscribers.ensure(
        connection, f"{name}@example.org", status=status, now=NOON, via="web"
    )
    for number, answer in enumerate(answers):
        profile = a_profile(f"{name}-{number}", community=answer)
        profile_id, _ = profiles.save(connection, profile, origin=profiles.WEB, now=NOON)
        profiles.subscribe(
            connection, subscriber_id=row_id, profile_id=profile_id, next_slot_at=NOON, now=NOON,
            status=SubscriberStatus.CONFIRMED,
        )  # fmt: skip
    return row_id


def shared(connection, before=NOON + timedelta(days=1)):
    return feedback.shared_likes(
        connection, since=NOON - timedelta(days=9), before=before, limit=100
    )


def test_only_who_said_so_is_counted_and_one_no_is_a_no(engine):
    with engine.begin() as connection:
        ada = a_reader(connection, "ada", True, True)
        others = [
            a_reader(connection, "bob", False),
            a_reader(connection, "eve", True, False),
            a_reader(connection, "sue"),
        ]
        paper_id = a_like(connection, ada)
        for reader in others:
            a_like(connection, reader)
        assert shared(connection) == [(ada, paper_id)]


def test_a_profile_stored_before_the_key_was_known_is_a_no(engine):
    with engine.begin() as connection:
        ada = a_reader(connection, "ada", True)
        a_like(connection, ada)
        document = profiles.to_document(a_profile("ada-0"))
        del document["community"]
        connection.execute(update(profiles.profiles).values(document=document))
        assert shared(connection) == []


def test_who_leaves_or_is_erased_is_counted_no_more(engine):
    with engine.begin() as connection:
        ada, bob = a_reader(connection, "ada", True), a_reader(connection, "bob", True)
        for reader in (ada, bob):
            a_like(connection, reader)
        assert {reader for reader, _ in shared(connection)} == {ada, bob}
        erasing.erase(connection, ada, now=NOON, via="owner")
        assert {reader for reader, _ in shared(connection)} == {bob}
        gone = SubscriberStatus.UNSUBSCRIBED.value
        connection.execute(update(subscriptions).values(status=gone))
        assert shared(connection) == []


def test_likes_alone_count_and_those_of_later_do_not(engine):
    with engine.begin() as connection:
        ada, bob = a_reader(connection, "ada", True), a_reader(connection, "bob", True)
        a_like(connection, ada, FeedbackKind.LESS)
        a_like(connection, ada, FeedbackKind.SEEN)
        paper_id = a_like(connection, bob, FeedbackKind.SAVED)
        assert shared(connection) == [(bob, paper_id)]
        assert shared(connection, before=NOON) == []


def test_likes_of_two_forms_that_became_one_paper_are_likes_of_that(engine):
    with engine.begin() as connection:
        ada = a_reader(connection, "ada", True)
        kept, absorbed = (a_like(connection, ada, number=number) for number in (1, 2))
        merging.merge(
            connection, kept=kept, absorbed=absorbed, reason="test", evidence={}, now=NOON
        )
        assert {paper_id for _, paper_id in shared(connection)} == {kept}
