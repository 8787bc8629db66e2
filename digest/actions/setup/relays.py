"""Ways out for mail: the address of each provider's relay, and what it asks of its user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Relay:
    """A preset. ``needs`` is told to the owner; ``user`` is set where the provider fixes it."""

    host: str
    port: int
    security: str
    needs: str
    user: str = ""
    logs_in: bool = True


RELAYS: Mapping[str, Relay] = {
    "gmail": Relay(
        host="smtp.gmail.com",
        port=587,
        security="starttls",
        needs="Two-step verification on the Google account, and an app password "
        "(myaccount.google.com/apppasswords); the account's own password is refused. The sender "
        "must be that account. About 500 messages a day.",
    ),
    "fastmail": Relay(
        host="smtp.fastmail.com",
        port=465,
        security="tls",
        needs="An app password with SMTP access (Settings, Privacy & Security).",
    ),
    "outlook": Relay(
        host="smtp.office365.com",
        port=587,
        security="starttls",
        needs="A Microsoft 365 mailbox whose administrator has turned on authenticated SMTP. "
        "Personal outlook.com accounts refuse password logins: choose another relay for them.",
    ),
    "ses": Relay(
        host="email-smtp.us-east-1.amazonaws.com",
        port=587,
        security="starttls",
        needs="SMTP credentials made in the SES console (not access keys), a verified sender "
        "domain, and the account out of the sandbox. Change the region in the host to yours.",
    ),
    "postmark": Relay(
        host="smtp-broadcasts.postmarkapp.com",
        port=587,
        security="starttls",
        needs="A broadcast stream; its access key and secret key are user and password. The "
        "sender's domain must be verified.",
    ),
    "sendgrid": Relay(
        host="smtp.sendgrid.net",
        port=587,
        security="starttls",
        user="apikey",
        needs="An API key with mail-send permission as the password (the user is the word "
        "'apikey'), and an authenticated sender domain.",
    ),
    "mailgun": Relay(
        host="smtp.mailgun.org",
        port=587,
        security="starttls",
        needs="SMTP credentials of a verified domain; in the EU region the host is "
        "smtp.eu.mailgun.org.",
    ),
    "local": Relay(
        host="localhost",
        port=25,
        security="none",
        needs="A mail server on this machine that accepts and signs mail from it.",
        logs_in=False,
    ),
    "file": Relay(
        host="",
        port=0,
        security="",
        needs="Nothing: mails are written as .eml files, to look at before choosing a relay.",
        logs_in=False,
    ),
}
