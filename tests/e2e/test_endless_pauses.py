from __future__ import annotations

from datetime import timedelta

import pytest
from installation import PROFILE, a_feed, installed

from digest.store import due
from digest.subscribers.slots import NEVER


@pytest.mark.parametrize(
    "keys",
    ['weekdays = ["mon"]', 'frequency = "weekly"',
     'send_time = 20:00:00\ntime_zone = "America/Los_Angeles"'],
)  # fmt: skip
def test_a_profile_paused_for_ever_gets_no_mail_and_the_others_do(tmp_path, keys):
    with installed(tmp_path) as owner:
        owner.add_feed("blog", a_feed("Careful studies of sleep"))
        owner.add_profile("bob", f"paused_until = 9999-12-31\n{keys}\n{PROFILE}")
        assert not owner.run().profiles.problems
        owner.run(hours=24 * 7)
        assert {message["To"] for message in owner.messages()} == {"ada@example.org"}
        with owner.open() as app, app.reading() as connection:
            far = due.block(connection, NEVER + timedelta(days=1), limit=9)
        assert NEVER in {subscription.next_slot_at for subscription in far}
