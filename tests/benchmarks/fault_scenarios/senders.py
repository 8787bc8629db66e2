"""Senders that are killed, stopped, or run out of room."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from fault_scenarios import Counts, scenario
from fault_scenarios.place import Place, ended, kill
from fault_scenarios.stores import SLOW_S, limited


@scenario("sender: kill -9, again and again", short=True)
def killed(place: Place) -> Counts:
    """Killed four times in the middle; each next one recovers at once."""
    place.plan()
    place.relay.reply_s = SLOW_S
    for part in range(1, 5):
        sending = place.send()
        place.relay.wait_for(place.mails * part // 8)
        kill(sending)
    return place.counts(None)


@scenario("sender: STOP and CONT", short=True, mail="lease_s = 60")
def stopped(place: Place) -> Counts:
    """Stopped in the middle while another one runs, then let go on."""
    place.plan()
    place.relay.reply_s = SLOW_S
    sending = place.send()
    place.relay.wait_for(place.mails // 10)
    sending.send_signal(signal.SIGSTOP)
    other = place.run("run", "--no-poll")
    time.sleep(1)
    sending.send_signal(signal.SIGCONT)
    found = ended(sending)
    return place.counts(found, is_silent=other.has_traceback)


@scenario("sender: no room for the store", databases=("sqlite",), short=True)
def full(place: Place) -> Counts:
    """The store's files may not grow any more in the middle of sending."""
    place.plan()
    store = Path(place.store.removeprefix("sqlite:///"))
    size = store.stat().st_size
    total = Counts()
    for limit in (size // 2, size + 4096):
        found = place.run("run", "--no-poll", preexec_fn=lambda limit=limit: limited(limit))
        total += Counts(silent=int(found.has_traceback))
    return total + place.counts(None)
