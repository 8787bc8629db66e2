"""No mail stops those behind it, whatever it is made of."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from builders import NOON
from delivery.imapd import ImapServer
from delivery.returned_mail import SAMPLES, a_reader, a_sent_mail, opened, sample, suppressed
from growth import at_most
from hostile_inputs import hostile_inputs
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import isolated
from digest.actions import bounces
from digest.actions.doctor.mail import look
from digest.delivery.bounces import Bounce, BounceKind
from digest.delivery.bounces.reading import read
from digest.errors import UnreadableError

MAILS = {one.name: one.content for one in hostile_inputs() if one.door == "mail"}


@pytest.fixture
def app(tmp_path):
    with ExitStack() as stack:
        for part in ("new", "cur", "tmp"):
            (tmp_path / "box" / part).mkdir(parents=True)
        yield stack.enter_context(opened(tmp_path, {"now": NOON}, maildir=str(tmp_path / "box")))


@pytest.fixture
def box(tmp_path):
    return tmp_path / "box"


def test_every_hostile_mail_is_left_behind_and_the_next_is_settled(app, box):
    for number, content in enumerate(MAILS.values()):
        (box / "new" / f"{number:03}.host").write_bytes(content)
    delivery = a_sent_mail(app, a_reader(app))
    (box / "new" / "999.host").write_bytes(sample("postfix-unknown", app, delivery))
    began = time.process_time()
    report = bounces.take_in(app)
    assert (report.seen, report.suppressed) == (len(MAILS) + 1, 1)
    assert suppressed(app) == "hard"
    assert list((box / "new").iterdir()) == []
    assert bounces.take_in(app).seen == 0
    assert time.process_time() - began < 20  # the work is done elsewhere, within its limits
    assert report.unreadable >= 2
    flagged = [path.name for path in (box / "cur").iterdir() if path.name.endswith(":2,FS")]
    assert len(flagged) == report.unreadable + report.unmatched


@pytest.mark.parametrize("name", MAILS)
def test_each_costs_little_or_is_an_error_of_ours(name):
    try:
        found = isolated.call(read, MAILS[name], "mail.example.org")
    except UnreadableError as exc:
        assert exc.kind in {"too-deep", "too-large", "timeout", "memory"}  # noqa: PT017
    else:
        assert isinstance(found, Bounce)


def test_what_is_put_aside_is_named(app, box):
    (box / "new" / "1.host").write_bytes(MAILS["mail: 1,000 messages in messages"])
    assert bounces.take_in(app).unreadable == 1
    [row] = bounces.latest(app)
    assert (row.kind, row.effect, row.mailbox_key) == ("unreadable", "none", "maildir:1.host")
    assert "parts" in row.reason
    found = {one.subject: one.message for one in look(app)}
    assert found["bounces put aside"].startswith("1 mail of the last 30 days")


def test_a_file_that_cannot_be_opened_stops_nothing(app, box):
    (box / "new" / "1.host").mkdir()
    (box / "new" / "2.host").symlink_to("/nowhere")
    (box / "new" / "3\udcff.host").write_bytes(sample("spam"))
    delivery = a_sent_mail(app, a_reader(app))
    (box / "new" / "4.host").write_bytes(sample("postfix-unknown", app, delivery))
    report = bounces.take_in(app)
    assert (report.suppressed, report.unreadable) == (1, 1)
    assert bounces.take_in(app).seen == 0


def test_a_mail_that_the_server_does_not_give_out_stops_nothing(tmp_path):
    with ImapServer() as server, opened(tmp_path, {"now": NOON}, server) as app:
        bad = server.add(sample("spam"))
        server.refused = {bad.uid}
        server.add(sample("postfix-unknown", app, a_sent_mail(app, a_reader(app))))
        report = bounces.take_in(app)
        assert (report.suppressed, report.unreadable) == (1, 1)
        assert bad.flags == {"\\Seen", "\\Flagged"}
        assert bounces.take_in(app).seen == 0


NAMES = sorted(path.stem for path in SAMPLES.glob("*.eml"))
FIELDS = st.sampled_from(
    [b"Subject", b"From", b"To", b"Content-Type", b"Content-Transfer-Encoding", b"Received",
     b"Authentication-Results", b"Precedence", b"Auto-Submitted", b"X-Failed-Recipients"]
)  # fmt: skip
TEXTS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"=?utf-8?b?A?=", b"=?x?q?=?=", b"multipart/report; boundary=\"", b"message/rfc822",
         b"text/plain; charset=idna", b"message/delivery-status", b"base64", b"x-uuencode",
         b"quoted-printable", b"text/plain; charset*0*=utf-8'';charset*2=x", b"<>", b"a@x",
         b"mailer-daemon@x", b"unsubscribe x"]
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FIELDS, TEXTS), max_size=6), st.binary(max_size=300), st.data())
def test_any_header_and_body_is_a_bounce_or_an_error_of_ours(head, body, data):
    content = b"\n".join(name + b": " + text for name, text in head) + b"\n\n" + body
    if data.draw(st.booleans()):
        content += (SAMPLES / f"{data.draw(st.sampled_from(NAMES))}.eml").read_bytes()
    try:
        found = read(content, "mail.example.org")
    except UnreadableError:
        return
    assert "@" not in found.reason
    f"{found.reason}{found.status}{found.token}".encode()


@pytest.mark.parametrize(
    "name", ["continuations that contradict", "100,000 continuations", "a million semicolons"]
)
def test_parameters_are_read_as_far_as_they_can_be(name):
    with at_most(1):
        assert read(MAILS[f"mail: {name}"]).kind is BounceKind.OTHER


def test_a_status_of_endless_blocks_is_refused_before_it_is_parsed():
    with pytest.raises(UnreadableError, match="blocks of fields"), at_most(1):
        read(MAILS["mail: a status of empty lines"])
