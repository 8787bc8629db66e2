"""The store fails while mails go out: what is known is written, what is held is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from builders import NOON
from delivery.runs import compose, plan
from delivery.smtpd import DROP
from delivery.test_sending import counts
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from digest.actions import backups, outbox
from digest.actions.doctor import machine
from digest.errors import StoreError
from digest.pipeline import _owners, _recorder, claims
from digest.pipeline.sending import send_ready
from digest.store import database, deliveries
from digest.store import outbox as rows


@pytest.fixture
def impatient(monkeypatch):
    """Let writers wait for SQLite's lock for a moment only."""
    monkeypatch.setattr(database, "_WAITS_S", ((0.05, 0.001),))


class Locking:
    """Lock the store when the first text is wanted, and let go after so many failures."""

    def __init__(self, app, monkeypatch, failures):
        self.left = failures
        path = app.engine.url.database
        self.other = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        written = _recorder.Recorder._written

        def failing(recorder, row_ids, now):
            if row_ids and self.left == failures:
                self.other.execute("BEGIN IMMEDIATE")
            try:
                return written(recorder, row_ids, now)
            finally:
                if self.left and self.other.in_transaction:
                    self.left -= 1
                    if not self.left:
                        self.other.rollback()

        monkeypatch.setattr(_recorder.Recorder, "_written", failing)


def test_a_store_that_answers_again_leaves_nothing_claimed(
    server, open_digest, monkeypatch, impatient
):
    smtp = server()
    app = open_digest(smtp, connections=3)
    plan(app, 12)
    with closing(Locking(app, monkeypatch, 1).other), pytest.raises(StoreError, match="is locked"):
        send_ready(app, compose=compose)
    assert counts(app) == {"ready": 12}
    assert send_ready(app, compose=compose).counts["sent"] == 12
    assert len(smtp.received) == 12


def test_a_store_that_stays_away_is_recovered_by_the_next_run(
    server, open_digest, monkeypatch, impatient
):
    monkeypatch.setattr(_recorder, "RETRY_S", 0.1)
    smtp = server()
    app = open_digest(smtp, connections=3)
    plan(app, 12)
    with closing(Locking(app, monkeypatch, 10**6).other) as other:
        with pytest.raises(StoreError, match="is locked"):
            send_ready(app, compose=compose)
        other.rollback()
    assert set(counts(app)) == {"claimed", "ready"}
    assert _owners.dead_owners(app.config.data_dir)
    monkeypatch.undo()
    report = send_ready(app, compose=compose)
    assert (report.counts["sent"], report.recovered > 0) == (12, True)


def test_outcomes_that_were_known_are_written_once_the_store_is_back(
    server, open_digest, monkeypatch, impatient
):
    """The commit of the last markers fails; the replies before it were read."""
    smtp = server()
    app = open_digest(smtp, connections=1)
    plan(app, 4)
    written, calls = _recorder.Recorder._written, []

    def failing(recorder, row_ids, now):
        calls.append(row_ids)
        found = written(recorder, row_ids, now)
        if len(calls) == 3:  # it happened, and the answer was lost
            raise StoreError("the connection is gone")
        return found

    monkeypatch.setattr(_recorder.Recorder, "_written", failing)
    with pytest.raises(StoreError, match="gone"):
        send_ready(app, compose=compose)
    assert counts(app) == {"sent": 2, "ready": 2}
    monkeypatch.undo()
    assert send_ready(app, compose=compose).counts["sent"] == 2
    assert len(smtp.received) == 4
    assert outbox.verify(app).is_ok


def test_mails_held_by_nobody_are_named(server, open_digest):
    app = open_digest(server())
    plan(app, 5)
    with app.writing() as connection:
        rows.claim(
            connection, "sender-lost", now=NOON, lease_until=NOON + timedelta(minutes=9), limit=5
        )
    found = outbox.verify(app)
    assert not found.is_ok
    assert found.problems == (
        "5 mails held by a sender that ended or hangs: free again by 12:09:00 UTC, and sent by "
        "`digest run` after that",
    )
    assert send_ready(app, compose=compose).problems == found.problems
    assert {f.level for f in machine._outbox(app)} == {"wrong"}
    later = open_digest(server(), now=NOON + timedelta(minutes=10))
    assert send_ready(later, compose=compose).counts["sent"] == 5


def test_mails_of_a_sender_at_work_are_not(server, open_digest):
    app = open_digest(server())
    plan(app, 5)
    with _owners.owner(app.config.data_dir) as owner:
        with app.writing() as connection:
            rows.claim(
                connection, owner, now=NOON, lease_until=NOON + timedelta(minutes=9), limit=5
            )
        assert claims.stranded(app) == ()
        with app.writing() as connection:  # it hangs: it does not prolong its leases
            soon = NOON + timedelta(minutes=2)
            connection.execute(update(rows.deliveries).values(lease_until=soon))
        assert "hangs" in claims.stranded(app)[0]


def test_a_relay_that_closes_after_each_dot_takes_a_few_and_the_next_the_rest(server, open_digest):
    breaking, good = server({".": [DROP] * 99}, keeps_unanswered=True), server()
    app = open_digest(breaking, good, connections=8)
    plan(app, 20)
    report = send_ready(app, compose=compose)
    assert (report.counts["uncertain"], report.counts["sent"]) == (3, 17)
    assert len(breaking.received) == 3
    found = outbox.verify(app)
    assert (len(found.uncertain), found.is_ok) == (3, False)
    assert found.skipped == ("relay relay0 broke and is left alone until 2026-04-14 12:10:00 UTC",)
    said = [finding.message for finding in machine._outbox(app)]
    assert said == ["3 mails may or may not have arrived", *found.skipped]


def test_a_relay_that_broke_is_tried_by_one_mail(server, open_digest):
    breaking, good = server({".": [DROP] * 4}, keeps_unanswered=True), server()
    app = open_digest(breaking, good, connections=8)
    plan(app, 8)
    send_ready(app, compose=compose)
    hour = open_digest(breaking, good, now=NOON + timedelta(hours=1))
    plan(hour, 8, message_id="<second@example.org>")
    send_ready(hour, compose=compose)
    plan(hour, 1, message_id="<third@example.org>")
    assert len(breaking.received) == 4
    later = open_digest(breaking, good, now=NOON + timedelta(hours=2))
    assert send_ready(later, compose=compose).counts["sent"] == 1
    assert (len(breaking.received), outbox.verify(later).skipped) == (5, ())


def test_a_relay_that_breaks_in_the_middle_is_used_by_one_at_a_time(server, open_digest):
    breaking = server({".": ["250 ok"] * 10 + [DROP] * 99}, keeps_unanswered=True)
    app = open_digest(breaking, connections=4)
    plan(app, 40)
    assert send_ready(app, compose=compose).counts["uncertain"] <= 4 + 2


@pytest.fixture
def backed_up(open_digest, server, tmp_path):
    """Give an installation whose backup holds a mail that was sent since."""
    smtp = server()
    app = open_digest(smtp)
    plan(app, 1)
    backups.backup(app, tmp_path / "copy.gz")
    backups.backup(app, tmp_path / "portable.gz", portable=True)
    send_ready(app, compose=compose)
    return app, smtp, tmp_path


@pytest.mark.parametrize("name", ["copy.gz", "portable.gz"])
@pytest.mark.parametrize("step", ["_keep_secret", "writing"])
def test_a_restore_that_fails_after_the_copy_leaves_sending_paused(
    backed_up, monkeypatch, name, step
):
    app, smtp, folder = backed_up

    def failing(*_args):
        raise OSError(28, "No space left on device")

    if step == "_keep_secret":
        monkeypatch.setattr(backups, step, failing)
        with pytest.raises(OSError, match="No space"):
            backups.restore(app, folder / name, force=True)
    else:
        backups.restore(app, folder / name, force=True)
    send_ready(app, compose=compose)
    assert len(smtp.received) == 1
    found = outbox.verify(app)
    assert (found.is_paused, found.is_restored, found.counts["ready"]) == (True, True, 1)
    assert "paused after a restore" in [finding.message for finding in machine._outbox(app)]


@pytest.mark.parametrize("name", ["copy.gz", "portable.gz"])
def test_a_restored_store_is_never_live_without_its_pause(backed_up, monkeypatch, name):
    """Whatever another process reads at any step is the old store or a paused one."""
    app, _, folder = backed_up
    seen = []

    def look(_count):
        with closing(sqlite3.connect(app.engine.url.database, timeout=0)) as other:
            sent = other.execute("SELECT count(*) FROM deliveries WHERE state = 'sent'").fetchone()
            paused = other.execute(
                "SELECT count(*) FROM installation WHERE name = 'sending.paused'"
            ).fetchone()
            seen.append((sent[0], paused[0]))

    backups.restore(app, folder / name, force=True, on_progress=look)
    look(0)
    assert set(seen) <= {(1, 0), (0, 1)}
    with app.reading() as connection:
        assert deliveries.pause_reason(connection) == deliveries.AFTER_RESTORE


def test_a_mistake_of_ours_is_no_failure_of_the_store(open_digest, server):
    app = open_digest(server())
    with pytest.raises(DBAPIError, match="no such table"), app.reading() as connection:
        connection.execute(text("SELECT 1 FROM missing"))
