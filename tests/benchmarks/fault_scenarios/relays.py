"""Relays that close, babble, or answer out of step."""

from __future__ import annotations

from fault_scenarios import Counts, scenario
from fault_scenarios.place import Place, ended

MOST_UNCERTAIN = 3
"""Mails that a relay may take without an answer before it is left alone."""


def sent_by_the_second(place: Place) -> Counts:
    """Send with a first relay that is out of order: what it did not take goes by the second."""
    place.plan()
    counts = place.counts(ended(place.send()))
    if counts.uncertain > MOST_UNCERTAIN:
        return counts + Counts(stuck=counts.uncertain)
    return counts


@scenario("relay: closes after each dot", relays=2, short=True)
def closing(place: Place) -> Counts:
    """It takes each text and answers none."""
    place.relay.replies = {".": b"close"}
    return sent_by_the_second(place)


def out_of_step(place: Place, replies: dict[str, bytes]) -> Counts:
    """Nothing that such a relay said is acceptance: what it got by the protocol alone counts."""
    place.relay.replies = replies
    return sent_by_the_second(place)


@scenario("relay: 250 to DATA", relays=2, short=True, databases=("sqlite",))
def accepting_data(place: Place) -> Counts:
    """It takes the text for commands."""
    return out_of_step(place, {"DATA": b"250 ok\r\n"})


@scenario("relay: one reply too many after RCPT", relays=2, databases=("sqlite",))
def surplus(place: Place) -> Counts:
    """Each reply after it is read as the answer to the command before."""
    return out_of_step(place, {"RCPT": b"250 ok\r\n250 ok\r\n"})


@scenario("relay: babbles", relays=2, databases=("sqlite",))
def babbling(place: Place) -> Counts:
    """No SMTP at all."""
    return out_of_step(place, {"MAIL": b"HTTP/1.1 400 Bad Request\r\n\r\n"})


@scenario("relay: closes at RCPT", relays=2, databases=("sqlite",))
def closing_early(place: Place) -> Counts:
    """It never takes a text."""
    return out_of_step(place, {"RCPT": b"close"})
