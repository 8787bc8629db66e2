"""Likes of similar readers, from the store to the account of an edition."""

from datetime import timedelta

import pytest
from builders import NOON, a_profile, a_record, an_interest

from digest.actions.ranking import explain
from digest.app import App
from digest.config import load_config
from digest.model import Feedback, FeedbackKind, SubscriberStatus
from digest.store import erasing, feedback, papers, profiles, subscribers
from digest.store.ingest import ingest

OLD = [a_record(n, title=f"Tree rings of valley {n}", abstract="") for n in (1, 2)]
NEW = a_record(3, title="Feathers of the hoatzin", abstract="")
OTHERS = [a_record(n, title=f"Bond markets of town {n}", abstract="") for n in range(4, 9)]
WATCHER = "zoe"


def an_installation(engine, *, on: bool, readers: int) -> App:
    overrides = {"ranking": {"community": on, "community_readers": 3}}
    app = App(load_config(overrides=overrides), lambda: NOON, engine)
    with app.writing() as connection:
        ingest(connection, source="arxiv", records=OLD, now=NOON - timedelta(days=30))
        ingest(connection, source="arxiv", records=[NEW, *OTHERS], now=NOON - timedelta(hours=5))
        stored = papers.by_key(connection, [OLD[0].key, NEW.key])
        wood = an_interest("wood", liked=(OLD[0].key,))
        for name in [WATCHER, *(f"reader-{n}" for n in range(readers))]:
            row_id = subscribers.ensure(
                connection, f"{name}@example.org", status=SubscriberStatus.CONFIRMED, now=NOON,
                via="web",
            )  # fmt: skip
            profile = a_profile(name, interests=(wood,), community=True, exploration=0)
            profile_id, _ = profiles.save(connection, profile, origin=profiles.WEB, now=NOON)
            profiles.subscribe(
                connection, subscriber_id=row_id, profile_id=profile_id, next_slot_at=NOON,
                now=NOON, status=SubscriberStatus.CONFIRMED,
            )  # fmt: skip
            for paper in stored.values() if name != WATCHER else ():
                said = Feedback(paper_id=paper.row_id, kind=FeedbackKind.MORE, at=NOON)
                feedback.record(connection, row_id, said)
    return app


def account(app: App, now=NOON + timedelta(hours=1)):
    later = App(app.config, lambda: now, app.engine)
    return explain(later, f"{WATCHER}@example.org", paper=NEW.key).paper


def test_readers_with_similar_likes_bring_a_paper_and_explain_says_so(sqlite_engine):
    told = account(an_installation(sqlite_engine, on=True, readers=3))
    assert told.cause == "picked"
    assert "Liked by readers with similar likes" in told.account
    assert told.parts["community"] > 0.15


@pytest.mark.parametrize(("on", "readers"), [(False, 6), (True, 2)])
def test_it_is_off_by_default_and_silent_for_few(sqlite_engine, on, readers):
    told = account(an_installation(sqlite_engine, on=on, readers=readers))
    assert told.cause == "floor"
    assert "community" not in told.parts


def test_an_erased_reader_helps_nobody_any_more(sqlite_engine):
    app = an_installation(sqlite_engine, on=True, readers=3)
    with app.writing() as connection:
        gone = subscribers.ensure(
            connection, "reader-0@example.org", status=SubscriberStatus.CONFIRMED, now=NOON,
            via="web",
        )  # fmt: skip
        erasing.erase(connection, gone, now=NOON, via="owner")
    assert "community" not in account(app).parts
