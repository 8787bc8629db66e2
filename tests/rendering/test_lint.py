from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import NOON, a_paper, a_pick, an_edition, an_edition_input

from digest.errors import RenderError
from digest.model import Message
from digest.rendering import PersonalLinks
from digest.rendering.compose import Composer
from digest.rendering.fields import personal_fields
from digest.rendering.findings import Finding
from digest.rendering.lint import html_part_faults, lint, lint_size
from digest.rendering.parts import load_templates
from digest.rendering.shapes import head_shape, own_shape
from digest.rendering.templates import template_folders

COMPOSER = Composer()
GOOD = COMPOSER.compose(an_edition_input())
POST = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
HTML_PART = b"Content-Type: text/html; charset=utf-8\r\n"


def with_bytes(*changes: tuple[bytes, bytes]) -> Message:
    content = GOOD.content
    for old, new in changes:
        assert old in content, old
        content = content.replace(old, new, 1)
    return replace(GOOD, content=content)


def in_html(markup: bytes) -> Message:
    """Put quoted-printable markup right after the HTML's body tag."""
    head, html_head, html = GOOD.content.rpartition(HTML_PART)
    at = html.index(b"</table>")
    return replace(GOOD, content=head + html_head + html[:at] + markup + b"=\r\n" + html[at:])


def forbidding(message: Message, **options: bool | int) -> set[str]:
    found = lint(message, **options)  # type: ignore[arg-type]
    return {finding.code for finding in found if finding.forbids}


def test_a_composed_edition_is_clean() -> None:
    assert lint(GOOD) == ()


def test_a_finding_names_its_code_first() -> None:
    assert str(Finding(code="H4", text="no", forbids=True)) == "H4: no"


def doubled(name: bytes) -> Message:
    return replace(GOOD, content=name + b": x\r\n" + GOOD.content)


@pytest.mark.parametrize(
    "name",
    [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"List-Id",
     b"List-Unsubscribe", b"List-Unsubscribe-Post", b"Auto-Submitted"],
)  # fmt: skip
def test_a_field_standing_twice_is_found(name: bytes) -> None:
    assert "H3" in forbidding(doubled(name))


@pytest.mark.parametrize("name", [b"Date", b"Message-ID", b"Subject", b"Auto-Submitted"])
def test_a_field_that_is_missing_is_found(name: bytes) -> None:
    assert "H3" in forbidding(with_bytes((b"\r\n" + name + b":", b"\r\nX-Gone:")))


@pytest.mark.parametrize("name", [b"Bcc", b"Return-Path"])
def test_a_field_that_must_not_stand_is_found(name: bytes) -> None:
    changed = with_bytes((b"\r\nTo:", b"\r\n" + name + b": a@example.org\r\nTo:"))
    assert forbidding(changed) == {"H3"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"\r\nPrecedence", b"\nPrecedence", "H1"),
        (b"\r\nPrecedence", b"\r\nX-Long: " + b"x" * 1000 + b"\r\nPrecedence", "H2"),
        (b"Message-ID: <", b"Message-ID: =?utf-8?q?x?= <", "H4"),
        (b"List-Unsubscribe:\r\n <https", b"List-Unsubscribe:\r\n =?utf-8?q?=3Chttps", "H4"),
        (b"Subject: ", b"Subject: \xc3\xa9", "H4"),
        (b"List-Unsubscribe:\r\n <", b"List-Unsubscribe:\r\n <https://a.example/x>, <", "H5"),
        (b"List-Unsubscribe:\r\n <", b"List-Unsubscribe:\r\n <mailto:a@b.c>, <", "H5"),
        (b"List-Unsubscribe:\r\n <https://digest", b"List-Unsubscribe:\r\n <https:// digest", "H5"),
        (POST, b"", "H6"),
        (POST, POST.replace(b"One-Click", b"one-click"), "H6"),
        (b"<digest.example.org>", b"digest.example.org", "H7"),
        (b"Auto-Submitted: auto-generated", b"Auto-Submitted: no", "H8"),
        (b"<1.abc@example.org>", b"1.abc@example.org", "H9"),
        (b"Subject: ", b"Subject: \x00", "H11"),
        (b"Subject: ", b"Subject: =?utf-8?q?" + b"x" * 70 + b"?= ", "H10"),
        (b"Subject: ", b"Subject: =?utf-8?q?=C3?= ", "H10"),
        (b"multipart/alternative", b"multipart/mixed", "M1"),
        (b"Content-Type: text/plain", b"Content-Type: text/html", "M1"),
        (b"charset=utf-8", b"charset=latin-1", "M2"),
        (b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: 8bit", "M2"),
        (b"\r\n--=_digest-part--\r\n", b"\r\n", "M4"),
        (b"asked Paper digest", b"asked Paper=FFdigest", "M4"),
        (b"asked Paper digest", b"asked Paper=E2=80=AEdigest", "W7"),
        (b"<html lang=3D\"en\"", b"<html", "W3"),
        (b"<title>", b"<b>", "W3"),
    ],
)  # fmt: skip
def test_each_statement_catches_what_breaks_it(old: bytes, new: bytes, code: str) -> None:
    assert code in forbidding(with_bytes((old, new)))


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        (b"<script>alert(1)</script>", "W6"),
        (b"<form></form>", "W6"),
        (b"<link rel=3D\"stylesheet\" href=3D\"//x\">", "W6"),
        (b"<style>@import 'x.css';</style>", "W6"),
        (b"<p style=3D\"background:url(//x.example/a.png)\">x</p>", "W6"),
        (b"<p onclick=3D\"x()\">x</p>", "W6"),
        (b"<img alt=3D\"\" src=3D\"https://x.example/a.png\">", "W6"),
        (b"<img src=3D\"cid:a\">", "W3"),
        (b"<a href=3D\"javascript:alert(1)\">x</a>", "W7"),
        (b"<a href=3D\"data:text/html,x\">x</a>", "W7"),
        (b"<a href=3D\"/relative\">x</a>", "W7"),
        (b"x" * 77, "H2"),
    ],
)  # fmt: skip
def test_html_that_mail_must_not_hold_is_found(markup: bytes, code: str) -> None:
    assert forbidding(in_html(markup)) == {code}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"<table role=3D\"presentation\"", b"<table", "W2"),
        (b"style=3D\"padding:", b"style=3D\"display:flex;padding:", "W2"),
        (b"style=3D\"padding:", b"style=3D\"float:left;padding:", "W2"),
        (b"</h1>", b"</h1><h1>x</h1>", "W3"),
        (b"<h1", b"<h3", "W3"),
        (b"<h1", b"<a href=3D\"https://digest.example.org/\"> </a><h1", "W3"),
        (b"content=3D\"light dark\"", b"content=3D\"light\"", "W4"),
        (b"background-color:#131211 !important", b"background-color:#131211", "W4"),
        (b"line-height:1px\">", b"line-height:1px\">" + b"long words =\r\n" * 12, "W5"),
        (b"<h1", b"<a href=3D\"https://elsewhere.example/\">shop</a><h1", "M3"),
        (b"Feedback-ID: ", b"Feedback-ID: x:", "H13"),
    ],
)  # fmt: skip
def test_what_looks_poor_is_told_and_may_go(old: bytes, new: bytes, code: str) -> None:
    plain = _unfolded(GOOD)
    assert old in plain.content
    assert code not in {finding.code for finding in lint(plain)}
    found = lint(replace(plain, content=plain.content.replace(old, new, 1)))
    assert code in {finding.code for finding in found}
    assert not any(finding.forbids for finding in found if finding.code == code)


def _unfolded(message: Message) -> Message:
    """Join the soft line breaks of the bodies and break them again at tags."""
    head, _, rest = message.content.partition(b"\r\n\r\n")
    joined = rest.replace(b"=\r\n", b"").replace(b">", b">=\r\n")
    return replace(message, content=head + b"\r\n\r\n" + joined)


def test_an_allowed_image_is_no_finding() -> None:
    message = in_html(b"<img alt=3D\"\" src=3D\"https://x.example/a.png\">")  # fmt: skip
    assert lint(message, remote_images=True) == ()


def test_html_over_the_limit_is_found() -> None:
    assert forbidding(GOOD, body_limit_kb=1) == {"W1"}


def test_html_that_gmail_cuts_off_is_told_and_may_be_sent() -> None:
    papers = {n: a_paper(n) for n in range(1, 90)}
    edition = an_edition(*(a_pick(n) for n in papers))
    message = Composer(COMPOSER.templates, body_limit_kb=500).compose(
        an_edition_input(edition, papers=papers)
    )
    found = lint(message, body_limit_kb=500)
    assert [(finding.code, finding.forbids) for finding in found] == [("W1", False)]


def test_a_text_without_the_titles_address_is_found() -> None:
    changed = with_bytes((b"https://arxiv.org/abs/2604.00001", b"(address left out)"))
    assert [finding.code for finding in lint(changed)] == ["M3"]


def test_a_text_without_the_unsubscribe_address_may_not_go() -> None:
    assert forbidding(with_bytes((b"=20=\r\nhttps://digest.example.org/u/", b"x"))) == {"M3"}


def test_one_click_without_https_is_refused() -> None:
    links = PersonalLinks(unsubscribe_mailto="mailto:stop@example.org")
    message = COMPOSER.compose(an_edition_input(links=links))
    assert forbidding(message) == set()
    promised = replace(
        message, content=message.content.replace(b"\r\nPrec", b"\r\n" + POST + b"Prec")
    )
    assert forbidding(promised) == {"H6"}


def test_an_installation_without_an_address_is_told_and_may_send() -> None:
    found = lint(COMPOSER.compose(an_edition_input(links=PersonalLinks())))
    assert [(finding.code, finding.forbids) for finding in found] == [("H5", False)]


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("break_it", [cut_short, lambda content: b"", lambda content: b"\xff\r"])
def test_rubbish_is_found_not_raised(break_it: Callable[[bytes], bytes]) -> None:
    assert forbidding(replace(GOOD, content=break_it(GOOD.content)))


def test_a_head_not_as_we_write_it_has_no_shape() -> None:
    good = [b"To: a@b.org\r\n", b"List-Id: x <a.b>\r\n", b"Message-ID: <1@b.org>\r\n"]
    assert head_shape(good) == (b"To", b"List-Id: x <a.b>\r\n", b"Message-ID")
    for bad in (b"Message-ID: 1@b.org\r\n", b"Message-ID: <=?x@b>\r\n", b"To: a\nBcc: b\r\n"):
        assert head_shape([bad]) is None


def test_personal_fields_not_as_we_write_them_have_no_shape() -> None:
    links = an_edition_input().links
    good = personal_fields("a@b.org", NOON, "<1@b.org>", links)
    by_mail = personal_fields("a@b.org", NOON, "<1@b.org>", replace(links, unsubscribe=""))
    shapes = {own_shape(good), own_shape(by_mail), own_shape(good[:3])}
    assert len(shapes - {None}) == 3
    for place, bad in enumerate(
        (b"To: a\nBcc: b\r\n", b"Date: today\r\n", b"Message-ID: <=?x@b>\r\n",
         b"List-Unsubscribe: <https://b.org/ u>\r\n", b"List-Unsubscribe-Post: x\r\n")
    ):  # fmt: skip
        assert own_shape([*good[:place], bad, *good[place + 1 :]]) is None


def test_one_click_and_mailto_only_are_two_shapes() -> None:
    secure = head_shape([b"List-Unsubscribe: <https://b.org/u/1>,\r\n <mailto:a@b.org>\r\n"])
    by_mail = head_shape([b"List-Unsubscribe: <mailto:a@b.org>\r\n"])
    assert secure is not None
    assert by_mail is not None
    assert secure != by_mail


def test_the_size_is_measured_to_the_byte() -> None:
    html = [b"x=C3=A9=\r\n"] * 500
    (found,) = lint_size(html, body_limit_kb=1)
    assert str(found) == "W1: the HTML has 1,500 bytes; 1,000 are allowed"
    assert lint_size(html, body_limit_kb=2) == ()


def test_a_part_is_linted_with_readers_in_its_places() -> None:
    assert html_part_faults('<a href="\x02feedback\x03/more/1">\x02reason\x03</a>', [b"x"]) == ()
    faults = html_part_faults('<a href="javascript:x">\u202e</a><form>', [b"y" * 77, b"z\n"])
    assert {fault[:2] for fault in faults} == {"H1", "H2", "W6", "W7"}
    assert html_part_faults('<img src="http://a.b/c" alt="">', [b""], remote_images=True) == ()


def test_a_part_of_known_tags_is_still_read_for_what_else_it_says() -> None:
    assert html_part_faults('<a href="https://b.org/1">x</a><!-- a -->', [b"x"]) == ()
    for bad, code in (
        ('<a href="javascript:https://b.org/1">x</a><!-- a -->', "W7"),
        ('<a href="https://b.org/1">\u202ex</a><!-- a -->', "W7"),
        ('<a href="https://b.org/1">x</a><!-- a --><script>', "W6"),
        ('<a href="https://b.org/1" onclick="x">x</a><!-- a -->', "W6"),
    ):
        (fault,) = html_part_faults(bad, [b"x"])
        assert fault.startswith(code)


def test_a_view_that_hides_the_unsubscribe_link_is_linted_anew(tmp_path: Path) -> None:
    foot = tmp_path / "mail/edition/footer.html"
    foot.parent.mkdir(parents=True)
    foot.write_text('<tr><td>{% if edition.empty %}-{% else %}<a href="{{ unsubscribe }}">x</a>'
                    "{% endif %}</td></tr>")  # fmt: skip
    composer = Composer(load_templates(template_folders(tmp_path)))
    composer.compose_checked(an_edition_input())
    with pytest.raises(RenderError, match="M3"):
        composer.compose_checked(an_edition_input(an_edition(picks=()), papers={}))


def test_a_bad_part_is_refused_to_every_reader_and_not_only_the_first(tmp_path: Path) -> None:
    card = tmp_path / "mail/edition/card.html"
    card.parent.mkdir(parents=True)
    card.write_text('<tr><td><h2>{{ paper.title }}</h2><a href="javascript:x()">x</a></td></tr>')
    composer = Composer(load_templates(template_folders(tmp_path)))
    for _ in range(3):
        with pytest.raises(RenderError, match="W7"):
            composer.compose_checked(an_edition_input())


def test_a_good_edition_passes_both_ways_with_the_same_bytes() -> None:
    composer = Composer(COMPOSER.templates)
    first, second = (composer.compose_checked(an_edition_input()) for _ in range(2))
    assert first.content == second.content == GOOD.content


def test_a_large_edition_with_nasty_titles_is_clean() -> None:
    papers = {
        n: a_paper(n, title=f"<b>{n}</b> & “Ünïcode” \u202e " + "x" * 90) for n in range(1, 40)
    }
    edition = an_edition(*(a_pick(n) for n in papers))
    assert lint(COMPOSER.compose(an_edition_input(edition, papers=papers))) == ()
