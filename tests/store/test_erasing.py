from builders import NOON, a_profile
from sqlalchemy import insert, select

from digest.model import DeliveryState, Purpose, SubscriberStatus
from digest.store import erasing, outbox, profiles, subscribers
from digest.store.tables import attempts, deliveries, metadata


def a_reader(connection, name, origin=profiles.WEB):
    row_id = subscribers.ensure(
        connection, f"{name}@example.org", status=SubscriberStatus.CONFIRMED, now=NOON, via="web"
    )
    profile_id, _ = profiles.save(connection, a_profile(name), origin=origin, now=NOON)
    profiles.subscribe(
        connection, subscriber_id=row_id, profile_id=profile_id, next_slot_at=NOON, now=NOON,
        status=SubscriberStatus.CONFIRMED,
    )  # fmt: skip
    planned = outbox.Planned(
        purpose=Purpose.NOTICE, address=f"{name}@example.org", address_hmac=name,
        message_id=f"<{row_id}@x>", subscriber_id=row_id, content={"to": name},
    )  # fmt: skip
    outbox.plan(connection, [planned], NOON)
    delivery = connection.scalar(
        select(deliveries.c.id).where(deliveries.c.subscriber_id == row_id)
    )
    connection.execute(
        insert(attempts).values(
            delivery_id=delivery, at=NOON, phase="rcpt", outcome="deferred",
            reply=f"451 {name}@example.org: later",
        )
    )  # fmt: skip
    return row_id


def everything(connection):
    return repr([connection.execute(select(t)).all() for t in metadata.sorted_tables])


def test_an_erased_reader_is_named_nowhere_and_others_stay(engine):
    with engine.begin() as connection:
        ada = a_reader(connection, "ada")
        a_reader(connection, "grace")
        assert erasing.erase(connection, ada, now=NOON, via="owner")
        found = everything(connection)
        kinds = [c.kind for c in subscribers.consents_of(connection, ada)]
    assert "ada" not in found
    assert "grace@example.org" in found
    assert kinds == ["erased"]


def test_waiting_mail_is_cancelled_and_still_counted(engine):
    with engine.begin() as connection:
        erasing.erase(connection, a_reader(connection, "ada"), now=NOON, via="owner")
        states = connection.scalars(select(deliveries.c.state)).all()
    assert states == [DeliveryState.CANCELLED]


def test_a_profile_from_a_file_outlives_its_reader(engine):
    with engine.begin() as connection:
        reader = a_reader(connection, "ada", origin=profiles.CONFIG)
        erasing.erase(connection, reader, now=NOON, via="owner")
        assert profiles.find(connection, "ada") is not None


def test_erasing_twice_leaves_one_trace(engine):
    with engine.begin() as connection:
        row_id = a_reader(connection, "ada")
        erasing.erase(connection, row_id, now=NOON, via="owner")
        assert not erasing.erase(connection, row_id, now=NOON, via="owner")
        assert len(subscribers.consents_of(connection, row_id)) == 1
