"""A next hop that is given up while a message has been begun behind another one's dot."""

from __future__ import annotations

import threading

from delivery.runs import compose, plan

from digest.pipeline.sending import send_ready

CLOSING = {".": ["421 4.3.2 shutting down"] * 9}


def plan_apart(app, count):
    """Plan mails to a domain each: none waits for what happened to another."""
    for n in range(count):
        address, named = f"ada@d{n}.example", f"<m{n}@example.org>"
        plan(app, 1, address=address, message_id=named, address_hmac=f"{n:064x}")


def ended(app, within_s=20):
    """Send what is due and return the report; None where that goes on and on."""
    reports, stop = [], threading.Event()
    sending = threading.Thread(
        target=lambda: reports.append(send_ready(app, compose=compose, stop=stop.is_set))
    )
    sending.start()
    sending.join(within_s)
    hangs = sending.is_alive()
    stop.set()
    sending.join()
    return None if hangs else reports[0]


def test_a_run_ends_though_its_only_relay_closes_on_what_follows(server, open_digest):
    app = open_digest(server(CLOSING), connections=1)
    plan_apart(app, 9)
    report = ended(app)
    assert report is not None
    assert (report.counts["deferred"], report.waiting) == (3, 9)


def test_what_follows_goes_on_with_the_next_relay(server, open_digest):
    first, second = server(CLOSING), server()
    app = open_digest(first, second, connections=1)
    plan_apart(app, 9)
    report = ended(app)
    assert report is not None
    assert (report.counts["deferred"], len(second.received)) == (3, 6)
