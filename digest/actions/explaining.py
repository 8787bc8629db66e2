"""Why a reader's mail and papers are what they are: the outbox's account beside the ranker's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from digest.actions import outbox, ranking
from digest.actions.outbox import MailExplanation
from digest.actions.ranking import Account
from digest.app import App
from digest.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is known of an address or profile; one of the two may be missing."""

    mail: MailExplanation | None
    """Why mail came or did not; None for a profile that nobody subscribed to."""
    account: Account | None
    """The next edition; None for an address that has no subscription any more."""


def explain(app: App, name: str, *, paper: str = "", on: date | None = None) -> Explanation:
    """Account for the mail and the next edition of an address or a profile's first reader.

    Raises UsageError where there is no such profile, nobody ever was mailed at the address, or
    ``paper`` names no paper.
    """
    try:
        account = ranking.explain(app, name, paper=paper, on=on)
    except UsageError:
        if paper or "@" not in name:
            raise
        mail = outbox.explain_mail(app, name)
        if not (mail.suppression or mail.deliveries):
            raise
        return Explanation(mail=mail, account=None)
    address = name if "@" in name else account.reader
    return Explanation(mail=outbox.explain_mail(app, address) if address else None, account=account)
