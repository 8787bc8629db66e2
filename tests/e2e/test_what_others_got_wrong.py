"""Failures that readers of other digests reported, each tried through the whole program."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from delivery.smtpd import DROP, ScriptedServer
from installation import Installation, a_feed, installed
from sqlalchemy import delete, select, update
from web_people import snapshot

from digest.actions import outbox, sending
from digest.actions.run import run
from digest.model import DeliveryState
from digest.store.tables import deliveries, editions, papers, signals

LAB = """\
addresses = ["ada@example.org", "bob@example.org", "cyd@example.net"]
[[interests]]
name = "things"
terms = ["careful studies"]
"""


@pytest.fixture
def site(tmp_path: Path):
    with installed(tmp_path) as made:
        made.add_feed("blog", a_feed("Bees in $O(n^2)$ time", "Wasps"))
        yield made


def relayed(site: Installation, smtp: ScriptedServer, *lines: str) -> None:
    """Let mail leave by this server, with further lines of [mail]."""
    site.write(port=smtp.port)
    text = site.config.read_text().replace("[mail]", "\n".join(["[mail]", *lines]))
    site.config.write_text(
        text.replace('security = "none"', 'security = "none"\ndot_timeout_s = 1')
    )


def test_readers_of_one_profile_see_nothing_of_each_other(site):
    site.add_profile("ada", LAB)
    with ScriptedServer() as smtp:
        relayed(site, smtp)
        site.run()
    assert smtp.count("MAIL") == smtp.count("RCPT") == len(smtp.received) == 3
    for mail in smtp.received:
        message = message_from_bytes(mail.content, policy=policy.default)
        assert (message["To"], message["Cc"], message["Bcc"]) == (mail.recipient, None, None)
        others = {"ada@example.org", "bob@example.org", "cyd@example.net"} - {mail.recipient}
        assert not any(other.encode() in mail.content for other in others)


def test_a_formula_is_told_once_in_each_part(site):
    site.run()
    [message] = site.messages()
    for part in ("plain", "html"):
        content = message.get_body((part,)).get_content()
        title = content[content.index("<h2") :] if part == "html" else content
        assert "Bees in O(n²) time" in title
        assert "$O(n" not in content


def test_a_mail_sent_again_is_the_same_bytes_though_the_world_went_on(site):
    with ScriptedServer(script={".": [DROP]}, keeps_unanswered=True) as smtp:
        relayed(site, smtp, 'uncertain = "resend"', 'subject = "{{ title }}"')
        site.run()
        with site.open(hours=0.5) as app, app.writing() as connection:
            paper = connection.scalar(select(papers.c.id).limit(1))
            connection.execute(
                signals.insert().values(
                    paper_id=paper, kind="hf_upvotes", observed_at=app.now(), value=99
                )
            )
        site.run(hours=1)
    first, second = smtp.received
    assert first.content == second.content
    assert first.sender == second.sender


def test_a_slot_missed_by_more_than_the_grace_is_merged_into_the_next_one(site):
    site.run()  # Tuesday's first edition
    site.add_feed("more", a_feed("Ants", site="https://more.example.org"))
    late = site.run(hours=32)  # Wednesday's slot of 07:30 UTC is 14 hours past
    assert (late.planned.late, late.planned.mailed, len(site.mailbox.mails)) == (1, 0, 1)
    site.add_feed("third", a_feed("Moths", site="https://third.example.org"))
    site.run(hours=42)  # Thursday at 08:00
    assert len(site.mailbox.mails) == 2
    text = site.messages()[1].get_body(("plain",)).get_content()
    assert "Ants" in text
    assert "Moths" in text
    assert "Wasps" not in text


@pytest.mark.parametrize(
    "asked",
    [{"dry_run": True}, {"to": "me@example.org"}, {"to": "me@example.org", "dry_run": True}],
)
def test_trying_it_out_touches_no_row(site, asked):
    site.run()
    with site.open(hours=24) as app:
        sending.preview(app, "ada")  # reads the profile files, as every command does
        before = snapshot(app)
        sending.send(app, "ada", **asked)
        assert snapshot(app) == before
    copies = [mail.recipient for mail in site.mailbox.mails[1:]]
    assert copies == ([] if "dry_run" in asked else ["me@example.org"])


@pytest.mark.parametrize(("frequency", "hours"), [("daily", 20), ("weekly", 48)])
def test_a_relay_that_is_down_for_a_day_costs_no_weekly_mail(site, frequency, hours):
    site.add_profile("ada", f'frequency = "{frequency}"\nweekdays = ["tue"]\n{LAB}')
    with ScriptedServer(script={"RCPT": ["450 4.3.0 later"] * 30}) as smtp:
        relayed(site, smtp)
        site.run()
        site.run(hours=hours - 0.5)
        with site.open() as app:
            counts = outbox.verify(app).counts
            assert (counts["deferred"] + counts["ready"], counts["expired"]) == (3, 0)
    site.write()
    site.run(hours=hours + 0.5)
    with site.open() as app:
        assert outbox.verify(app).counts["expired"] == 3


def test_a_mail_that_vanished_is_missed(site):
    site.run()
    with site.open() as app:
        assert outbox.verify(app).is_ok
        with app.writing() as connection:
            connection.execute(delete(deliveries))
        found = outbox.verify(app)
    assert not found.is_ok
    assert "have no delivery" in found.problems[0]


def test_a_mail_called_sent_that_nobody_took_is_missed(site):
    with ScriptedServer(script={"RCPT": ["450 4.2.0 later"]}) as smtp:
        relayed(site, smtp)
        site.run()
    with site.open() as app, app.writing() as connection:
        connection.execute(update(deliveries).values(state=DeliveryState.SENT.value))
    with site.open() as app:
        assert not outbox.verify(app).is_ok


def test_every_link_leads_to_the_paper_or_to_us_and_nothing_is_loaded(site):
    site.run()
    [message] = site.messages()
    html = message.get_body(("html",)).get_content()
    links = [part.partition('"')[0] for part in html.split('href="')[1:]]
    assert {link.split("/")[2] for link in links} == {"blog.example.org", "digest.example.org"}
    assert {"https://blog.example.org/1", "https://blog.example.org/2"} <= set(links)
    assert not any("blog.example.org" in link.partition("example.org/")[2] for link in links)
    for tag in ("<img", "<link", "url(", "src=", "background="):
        assert tag not in html


def test_a_second_scheduler_of_the_same_hour_makes_nothing_more(site):
    with site.open() as first, site.open() as second:
        run(first)
        run(second)
    with site.open() as app, app.reading() as connection:
        assert len(connection.execute(select(editions.c.id)).all()) == 1
    assert len(site.mailbox.mails) == 1
