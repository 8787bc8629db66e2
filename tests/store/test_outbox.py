from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from builders import NOON
from sqlalchemy import select, update

from digest.model import DeliveryState, Purpose
from digest.store import deliveries, marking, outbox, recovery, suppressions
from digest.store.marking import Finished
from digest.store.outbox import Planned
from digest.store.suppressions import Suppression
from digest.store.tables import deliveries as table
from digest.store.tables import installation

LEASE = NOON + timedelta(minutes=10)
STATE = DeliveryState


def planned(number=1, **changes):
    values = {
        "purpose": Purpose.EDITION,
        "address": f"ada{number}@example.org",
        "address_hmac": f"{number:064x}",
        "message_id": f"<{number}@example.org>",
        "edition_id": number,
        "expires_at": NOON + timedelta(hours=20),
    }
    return Planned(**(values | changes))


def plan(engine, *rows, now=NOON):
    with engine.begin() as connection:
        return outbox.plan(connection, rows, now)


def claim(engine, owner="me", limit=100, now=NOON, lease_until=LEASE):
    with engine.begin() as connection:
        return outbox.claim(connection, owner, now=now, lease_until=lease_until, limit=limit)


def mark(engine, *ids, owner="me"):
    with engine.begin() as connection:
        return marking.mark(connection, owner, ids)


def finish(engine, row_id, state=STATE.SENT, owner="me", **changes):
    with engine.begin() as connection:
        values = {"at": NOON, "phase": "done"} | changes
        marking.finish(connection, owner, [Finished(row_id=row_id, state=state, **values)])


def recover(engine, **changes):
    with engine.begin() as connection:
        return recovery.recover(connection, **({"now": NOON} | changes))


def states(engine):
    with engine.begin() as connection:
        found = deliveries.count_by_state(connection)
    return {state: count for state, count in found.items() if count}


def test_planning_twice_adds_nobody(engine):
    assert plan(engine, planned(1), planned(2)) == 2
    assert plan(engine, planned(1), planned(2), planned(3)) == 1
    assert states(engine) == {STATE.READY: 3}


def test_planning_again_leaves_a_sent_delivery_alone(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    mark(engine, row.row_id)
    finish(engine, row.row_id)
    assert plan(engine, planned(1, message_id="<other@example.org>")) == 0
    assert states(engine) == {STATE.SENT: 1}


def test_confirmations_are_claimed_before_editions(engine):
    plan(engine, planned(1), planned(2, purpose=Purpose.CONFIRMATION, edition_id=None))
    assert [row.purpose for row in claim(engine)] == [Purpose.CONFIRMATION, Purpose.EDITION]


def test_a_claimed_delivery_is_nobody_elses(engine):
    plan(engine, *map(planned, range(1, 6)))
    assert len(claim(engine, "me", limit=3)) == 3
    assert len(claim(engine, "you")) == 2
    assert claim(engine, "you") == []


def test_eight_workers_never_get_the_same_row(engine):
    plan(engine, *map(planned, range(1, 201)))
    got: list[int] = []

    def work(name):
        while rows := claim(engine, name, limit=7):
            got.extend(row.row_id for row in rows)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(set(got))) == (200, 200)


def test_a_delivery_that_is_not_due_is_not_claimed(engine):
    plan(engine, planned(1), now=NOON + timedelta(hours=1))
    assert claim(engine) == []


def test_the_first_claim_dates_the_message_for_good(engine):
    plan(engine, planned(1))
    assert claim(engine)[0].composed_at == NOON
    recover(engine, dead_owners=["me"])
    later = NOON + timedelta(hours=1)
    assert claim(engine, now=later)[0].composed_at == NOON


def test_an_address_suppressed_after_the_claim_is_not_marked(engine):
    plan(engine, planned(1), planned(2))
    first, second = claim(engine)
    with engine.begin() as connection:
        suppressions.add(
            connection,
            [Suppression(address_hmac=first.address_hmac, reason="unsubscribed", at=NOON)],
        )
        assert marking.mark(connection, "me", [first.row_id, second.row_id]) == {second.row_id}
        settled = outbox.withdraw(connection, "me", [first.row_id], NOON)
    assert settled == {first.row_id: STATE.SUPPRESSED}


@pytest.mark.parametrize(
    ("reason", "goes"),
    [("unsubscribed", True), ("hard", True), ("complaint", False), ("manual", False)],
)
def test_only_a_new_opt_in_reaches_whoever_left(engine, reason, goes):
    plan(engine, planned(1, purpose=Purpose.CONFIRMATION, edition_id=None))
    [row] = claim(engine)
    with engine.begin() as connection:
        suppressions.add(
            connection, [Suppression(address_hmac=row.address_hmac, reason=reason, at=NOON)]
        )
    assert bool(mark(engine, row.row_id)) is goes


def test_a_cancelled_delivery_is_not_marked(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    with engine.begin() as connection:
        connection.execute(update(table).values(state="cancelled"))
    assert mark(engine, row.row_id) == set()


def test_a_pause_holds_what_is_claimed_and_gives_it_back(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    with engine.begin() as connection:
        connection.execute(installation.insert().values(name=outbox.PAUSED, value="1"))
        assert marking.mark(connection, "me", [row.row_id]) == set()
        assert outbox.withdraw(connection, "me", [row.row_id], NOON) == {row.row_id: STATE.READY}


def test_the_marker_of_a_lost_claim_is_refused(engine):
    plan(engine, planned(1))
    [row] = claim(engine, "me", lease_until=NOON)
    recover(engine)
    claim(engine, "you")
    assert mark(engine, row.row_id, owner="me") == set()
    assert mark(engine, row.row_id, owner="you") == {row.row_id}


def test_sent_keeps_the_reply_and_counts_the_attempt(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    mark(engine, row.row_id)
    finish(engine, row.row_id, transport="main", code=250, reply="Ok", queue_id="4F")
    with engine.begin() as connection:
        found = connection.execute(select(table)).one()
        [tried] = deliveries.attempts_of(connection, row.row_id)
    assert (found.state, found.attempts, found.queue_id, found.sent_at) == ("sent", 1, "4F", NOON)
    assert (tried.outcome, tried.code, tried.transport) == ("sent", 250, "main")


def test_what_was_tried_before_it_was_sent_is_kept(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    finish(engine, row.row_id, STATE.DEFERRED, code=451, next_attempt_at=NOON)
    with engine.begin() as connection:
        recovery.revive(connection, NOON)
    claim(engine)
    finish(engine, row.row_id, code=250, at=LEASE)
    with engine.begin() as connection:
        tried = deliveries.attempts_of(connection, row.row_id)
    assert [(one.outcome, one.code) for one in tried] == [("deferred", 451), ("sent", 250)]


def test_a_mail_accepted_twice_is_found(engine):
    plan(engine, planned(1), planned(2))
    first, second = claim(engine, "me", lease_until=NOON)
    finish(engine, second.row_id, transport="main")
    recover(engine)
    claim(engine, "you")
    finish(engine, first.row_id, transport="main", owner="me")
    twice = "deliveries were sent more than once"
    with engine.begin() as connection:
        assert deliveries.irregularities(connection, NOON)[twice] == 0
    finish(engine, first.row_id, transport="main", owner="you")
    with engine.begin() as connection:
        found = deliveries.irregularities(connection, NOON)
        assert len(deliveries.attempts_of(connection, first.row_id)) == 2
    assert {what: count for what, count in found.items() if count and "editions" not in what} == {
        twice: 1
    }


def test_outcomes_and_markers_of_a_turn_are_written_together(engine):
    plan(engine, planned(1), planned(2))
    first, second = claim(engine)
    mark(engine, first.row_id)
    done = [Finished(row_id=first.row_id, state=STATE.SENT, at=NOON, phase="done")]
    with engine.connect() as sender:
        marking.prepare(sender)
        assert marking.turn(sender, "me", done, [second.row_id]) == {second.row_id}
        sender.invalidate()
    assert states(engine) == {STATE.SENT: 1, STATE.TRANSMITTING: 1}


def test_a_turn_waits_for_another_writer(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    with engine.connect() as sender:
        marking.prepare(sender)
        with engine.begin() as other:
            other.execute(update(table).values(cause="written"))
            ends = threading.Timer(0.2, other.commit)
            ends.start()
            assert marking.turn(sender, "me", [], [row.row_id]) == {row.row_id}
            ends.join()
        sender.invalidate()


def test_recovery_gives_back_claims_and_never_resends_a_written_dot(engine):
    plan(engine, planned(1), planned(2))
    _, second = claim(engine)
    mark(engine, second.row_id)
    found = recover(engine, dead_owners=["me"])
    assert (found.released, found.uncertain) == (1, 1)
    assert states(engine) == {STATE.READY: 1, STATE.UNCERTAIN: 1}
    assert len(claim(engine)) == 1


def test_recovery_leaves_the_living_alone(engine):
    plan(engine, planned(1))
    claim(engine)
    assert recover(engine).released == 0


def test_resending_what_is_uncertain_is_the_owners_choice(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    mark(engine, row.row_id)
    assert recover(engine, dead_owners=["me"], resend=True).resent == 1
    assert claim(engine)[0].message_id == row.message_id


def test_a_reply_read_late_settles_what_recovery_took_for_uncertain(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    mark(engine, row.row_id)
    recover(engine, now=LEASE)
    finish(engine, row.row_id)
    assert states(engine) == {STATE.SENT: 1}


def test_deferred_comes_back_when_due(engine):
    plan(engine, planned(1))
    [row] = claim(engine)
    due = NOON + timedelta(minutes=5)
    finish(engine, row.row_id, STATE.DEFERRED, next_attempt_at=due)
    with engine.begin() as connection:
        assert recovery.revive(connection, NOON) == 0
        assert deliveries.next_due_at(connection) == due
        assert recovery.revive(connection, due) == 1
    assert claim(engine, now=due)[0].attempts == 1


def test_what_is_too_old_expires(engine):
    plan(engine, planned(1), planned(2, expires_at=None))
    with engine.begin() as connection:
        assert recovery.expire(connection, NOON + timedelta(hours=20)) == 1
    assert states(engine) == {STATE.EXPIRED: 1, STATE.READY: 1}


def test_a_stronger_reason_stays(engine):
    def add(reason):
        suppressions.add(connection, [Suppression(address_hmac="ab", reason=reason, at=NOON)])

    with engine.begin() as connection:
        add("hard")
        add("complaint")
        add("unsubscribed")
        assert suppressions.lookup(connection, ["ab"])["ab"].reason == "complaint"
        assert not suppressions.lift(connection, "ab")
        assert suppressions.lift(connection, "ab", by_owner=True)
