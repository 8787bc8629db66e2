import pytest
from builders import NOON

from digest.errors import AddressError
from digest.model import SubscriberStatus
from digest.store import subscribers

UNCONFIRMED, CONFIRMED = SubscriberStatus.UNCONFIRMED, SubscriberStatus.CONFIRMED


def test_one_mailbox_is_one_row_however_spelt(engine):
    with engine.begin() as connection:
        first = subscribers.ensure(
            connection, "Ada@Example.org", status=UNCONFIRMED, now=NOON, via="web"
        )
        second = subscribers.ensure(
            connection, "ada@example.org ", status=CONFIRMED, now=NOON, via="import"
        )
        found = subscribers.find(connection, "ADA@example.ORG")
    assert first == second == found.row_id
    assert (found.address, found.status) == ("Ada@example.org", UNCONFIRMED)


def test_many_are_added_at_once_with_their_consent(engine):
    addresses = [f"reader{n}@example.org" for n in range(1203)]
    with engine.begin() as connection:
        subscribers.ensure(connection, addresses[3], status=CONFIRMED, now=NOON, via="web")
        ids = subscribers.ensure_many(
            connection, addresses, status=CONFIRMED, now=NOON, via="config"
        )
        assert len(set(ids.values())) == 1203
        assert subscribers.count_by_status(connection)[CONFIRMED] == 1203
        events = subscribers.consents_of(connection, ids["reader7@example.org"])
    assert [(e.kind, e.via, e.at) for e in events] == [("imported", "config", NOON)]


def test_status_moves_once(engine):
    with engine.begin() as connection:
        row_id = subscribers.ensure(
            connection, "ada@example.org", status=UNCONFIRMED, now=NOON, via="web"
        )
        assert subscribers.set_status(connection, row_id, CONFIRMED, now=NOON)
        assert not subscribers.set_status(connection, row_id, CONFIRMED, now=NOON)
        assert subscribers.get(connection, row_id).confirmed_at == NOON


def test_bad_address_adds_nothing(engine):
    with engine.begin() as connection, pytest.raises(AddressError):
        subscribers.ensure_many(
            connection, ["ada@example.org", "nobody"], status=CONFIRMED, now=NOON, via="x"
        )
    with engine.begin() as connection:
        assert subscribers.find(connection, "ada@example.org") is None
