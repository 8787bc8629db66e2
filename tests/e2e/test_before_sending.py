"""What can never become a mail is told before its papers enter the ledger."""

from __future__ import annotations

import os
import signal

import pytest
from delivery.runs import plan
from delivery.smtpd import ScriptedServer
from installation import NOW, a_feed, installed
from sqlalchemy import func, select

from digest.actions import sending, unsubscribing
from digest.actions.run import run
from digest.cli.main import run as command
from digest.errors import ConfigError, DigestError, UsageError
from digest.model import DeliveryState, Purpose
from digest.store import subscribers
from digest.store.deliveries import count_by_state
from digest.store.tables import deliveries, editions, papers, shown

NOTICE = {
    "notice": "preferences",
    "values": {"preferences_url": "https://digest.example.org/p/x", "expires": "1 hour"},
}


@pytest.fixture
def office(tmp_path):
    with installed(tmp_path) as made:
        made.add_feed("blog", a_feed("Bees", "Wasps"))
        yield made


def rows(app, *tables):
    with app.reading() as connection:
        return [connection.scalar(select(func.count()).select_from(t)) for t in tables]


def mistake(office, line):
    """Write the configuration with one line of [mail] wrong."""
    office.write()
    key = line.partition(" ")[0]
    kept = [text for text in office.config.read_text().splitlines() if not text.startswith(key)]
    office.config.write_text("\n".join(kept).replace("[mail]", f"[mail]\n{line}"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('subject = "{{ nope.x.y }}"', "mail.subject: 'nope' is undefined"),
        ('subject = "{{ nope"', "mail.subject: unexpected end"),
        ('subject = "{{ 12 / more }}"', "mail.subject: division by zero"),
        ('sender = "nonsense"', "mail.sender: expected an address"),
        ('sender = ""', "mail.sender: needed"),
    ],
)
def test_a_mistake_in_mail_loses_no_paper(office, line, said):
    mistake(office, line)
    with office.open() as app:
        with pytest.raises(ConfigError, match=said):
            run(app)
        with pytest.raises(ConfigError, match=said):
            sending.send(app, "ada")
        assert rows(app, papers, editions, shown, deliveries) == [2, 0, 0, 0]
    office.write()
    assert office.run(hours=24).problems == ()
    [mail] = office.messages()
    assert "Bees" in mail.as_string()
    assert "Wasps" in mail.as_string()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("card.html", "<tr><td><h2>{{ paper.titel }}</h2></td></tr>", "titel"),
        ("card.html", "<tr><td><h2>{{ paper.title }}</h2>{{ 1 / 0 }}</td></tr>", "division"),
        ("more.txt", "{{ moar }}", "moar"),
        ("empty.html", "<tr><td>{{ edition.nope.x }}</td></tr>", "nope"),
        ("title.html", "<p>{{ paper.title | nofilter }}</p>", "nofilter"),
        ("footer.html", "<tr><td>{{ preferences }}</td></tr>", "M3"),
        ("card.html", '<tr><td><h2>{{ paper.title }}</h2><img src="//x"></td></tr>', "W3|W6"),
    ],
)
def test_a_template_that_fails_when_rendered_loses_no_paper(office, name, text, said):
    folder = office.folder / "templates/mail/edition"
    folder.mkdir(parents=True)
    (folder / name).write_text(text)
    mistake(office, f'templates_dir = "{office.folder}/templates"')
    with office.open() as app:
        with pytest.raises(DigestError, match=said):
            run(app)
        assert rows(app, editions, shown, deliveries) == [0, 0, 0]
    (folder / name).unlink()
    assert office.run(hours=1).problems == ()
    [mail] = office.messages()
    assert "Bees" in mail.as_string()


def test_a_send_that_is_told_to_end_leaves_nothing_uncertain(office):
    class EndsIt(list):
        def append(self, mail):
            super().append(mail)
            os.kill(os.getpid(), signal.SIGTERM)

    office.mailbox.mails = EndsIt()
    former = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with office.open() as app:
            plan(app, 200, content=NOTICE, purpose=Purpose.MANUAL)
            sending.send(app, "ada")
            with app.reading() as connection:
                counts = count_by_state(connection)
    finally:
        signal.signal(signal.SIGTERM, former)
    assert counts[DeliveryState.READY] > 100
    assert counts[DeliveryState.SENT] == len(office.mailbox.mails)


def test_without_a_transport_nothing_is_frozen(office):
    text = office.config.read_text()
    before, _, after = text.partition("[transports.relay]")
    office.config.write_text(before + after[after.index("[sources") :])
    with office.open() as app:
        with pytest.raises(UsageError, match=r"no \[transports.NAME\]"):
            run(app)
        assert rows(app, editions, shown, deliveries) == [0, 0, 0]


def test_a_run_says_why_a_delivery_failed(office):
    refusal = "554 5.7.1 <ada@example.org> we do not like you"
    with ScriptedServer(script={"RCPT": [refusal]}) as relay:
        office.write(port=relay.port)
        assert office.run().problems == (
            "1 deliveries failed",
            "failed: 554 5.7.1 <<address>> we do not like you",
        )


@pytest.mark.parametrize("dry_run", [True, False])
def test_no_copy_goes_to_who_unsubscribed(office, dry_run):
    office.run()
    sent = len(office.mailbox.mails)
    with office.open(hours=1) as app:
        with app.reading() as connection:
            ada = subscribers.find(connection, "ada@example.org")
        unsubscribing.leave(app, ada.row_id, via="page")
        with pytest.raises(DigestError, match="suppressed \\(unsubscribed\\)"):
            sending.send(app, "ada", to="Ada@Example.org", dry_run=dry_run)
    assert len(office.mailbox.mails) == sent


def test_an_edition_made_already_is_named_and_not_sent_again(office, capsys):
    arguments = ["--config", str(office.config), "--now", NOW.isoformat(), "send", "ada"]
    arguments += ["--date", "2026-04-14"]
    assert command(arguments) == 0
    capsys.readouterr()
    for more in ([], ["--dry-run"]):
        assert command([*arguments, *more]) == 1
        said = capsys.readouterr().out
        assert "that edition was made already: digest edition --date 2026-04-14 --pro" in said
        assert "0 papers" not in said
    assert len(office.mailbox.mails) == 1
