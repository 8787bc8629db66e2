"""Many readers leave in the same moment, through a real server on SQLite."""

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor

from builders import NOON, a_profile
from sqlalchemy import func, select

from digest.model import SubscriberStatus
from digest.store import profiles, subscribers
from digest.store.tables import consents, subscriptions
from digest.subscribers.tokens import Signer, TokenPurpose
from digest.web.serving import serving

MANY = 100
FORM = {"content-type": "application/x-www-form-urlencoded"}


def links(app):
    """Give a hundred readers a subscription each; return their one-click addresses."""
    signer = Signer(app.secret_keys)
    found = []
    with app.writing() as connection:
        profile_id, _ = profiles.save(connection, a_profile(), origin=profiles.CONFIG, now=NOON)
        ids = subscribers.ensure_many(
            connection, [f"r{n}@example.org" for n in range(MANY)], now=NOON, via="test",
            status=SubscriberStatus.CONFIRMED,
        )  # fmt: skip
        for row_id in ids.values():
            subscription_id = profiles.subscribe(
                connection, subscriber_id=row_id, profile_id=profile_id, now=NOON,
                status=SubscriberStatus.CONFIRMED, next_slot_at=NOON,
            )  # fmt: skip
            found.append(
                signer.make(TokenPurpose.UNSUBSCRIBE, row_id, subscription_id=subscription_id)
            )
    return found


def test_a_hundred_clicks_at_once_are_all_taken(make_web):
    app = make_web().app
    tokens = links(app)
    barrier = threading.Barrier(MANY)

    def click(port, token):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        barrier.wait()
        connection.request("POST", f"/u/{token}", "List-Unsubscribe=One-Click", FORM)
        status = connection.getresponse().status
        connection.close()
        return status

    with serving(app, host="127.0.0.1", port=0) as port, ThreadPoolExecutor(MANY) as pool:
        statuses = list(pool.map(lambda token: click(port, token), tokens))
    assert statuses == [200] * MANY
    with app.reading() as connection:
        ended = connection.scalar(
            select(func.count()).where(
                subscriptions.c.status == SubscriberStatus.UNSUBSCRIBED.value,
                subscriptions.c.next_slot_at.is_(None),
            )
        )
        proofs = connection.scalar(select(func.count()).where(consents.c.kind == "unsubscribed"))
    assert (ended, proofs) == (MANY, MANY)
