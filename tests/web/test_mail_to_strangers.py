"""What anybody can have mailed to anybody repeats nothing that they typed."""

from __future__ import annotations

import email
import email.policy

import pytest
from delivery.smtpd import ScriptedServer
from lxml import html
from web_builders import fill
from web_people import ada
from web_routes import all_routes

MARKER = "Xq7vplantedWords"
KEEPS = {"begun", "fax", "weekdays_shown"}
"""Fields that no person fills in; another value ends the request before any mail."""
HEADERS = ("user-agent", "referer", "accept-language", "from", "x-forwarded-for", "cookie")
BIBTEX = f"@article{{{MARKER}, title={{{MARKER} folding}}, author={{{MARKER}, Ada}}}}\n".encode()


@pytest.fixture
def relay():
    with ScriptedServer() as started:
        yield started


def open_pages(web):
    """Return every page that anybody can open without a link of their own."""
    return sorted(
        path
        for path, methods in all_routes(web.client.app.routes)
        if "GET" in methods and "{" not in path and not path.startswith(("/owner", "/api"))
    )


def forms_on(web, path, query=""):
    answer = web.get(path + query)
    if not answer.headers.get("content-type", "").startswith("text/html"):
        return []
    page = html.fromstring(answer.text)
    return [form for form in page.forms if form.get("method", "").lower() == "post"]


def values_for(form, address, marker):
    """Return a form's fields, each filled in with the marker where it takes any text."""
    texts, files = {}, {}
    for field in form.xpath(".//input|.//textarea|.//select"):
        name, kind = (
            field.get("name"),
            field.get("type", "text") if field.tag == "input" else field.tag,
        )
        if not name:
            continue
        if name in KEEPS:
            texts[name] = field.get("value", "")
        elif kind == "file":
            files[name] = (f"{MARKER}.bib", BIBTEX)
        elif name == "address":
            texts[name] = address
        elif kind in {"text", "search", "textarea"}:
            texts[name] = "0000-0002-1825-0097" if name == "orcid" else marker
        elif kind == "select":
            chosen = field.xpath(".//option[@selected]") or field.xpath(".//option")
            texts[name] = chosen[0].get("value", chosen[0].text)
        elif kind == "checkbox":
            texts.setdefault(name, []).append(field.get("value", "on"))
        elif kind in {"time", "date", "hidden"}:
            texts[name] = field.get("value", "")
    return texts, files


def words_of(content):
    """Return all that a mail says, except to whom it goes."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    said = [f"{name}: {value}" for name, value in mail.items() if name != "To"]
    said += [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n".join(map(str, said))


@pytest.mark.parametrize("double_opt_in", [True, False])
@pytest.mark.parametrize("marker", [f"https://{MARKER}.example/win", f"<b>{MARKER}</b> {MARKER}"])
def test_no_mail_that_anybody_can_cause_repeats_what_they_typed(
    make_web, relay, marker, double_opt_in
):
    web = make_web(
        transports={"main": {"kind": "smtp", "host": "127.0.0.1", "port": relay.port}},
        web={"double_opt_in": double_opt_in},
    )
    fill(web.app)
    reader = f"known.{MARKER}@example.org"
    ada(web, address=reader)
    # Where nobody is asked to confirm, a stranger gets an edition and no letter.
    addresses = [reader, f"www.evil.{MARKER}@example.org"][: 1 + double_opt_in]
    sent = set()
    for path in open_pages(web):
        for number in range(len(forms_on(web, path))):
            for address in addresses:
                web.clock.move(days=1)
                form = forms_on(web, path, f"?terms={MARKER}&q={MARKER}")[number]
                texts, files = values_for(form, address, marker)
                web.clock.move(seconds=30)
                before = len(relay.received)
                url = form.get("action") or path
                headers = dict.fromkeys(HEADERS, marker)
                answer = web.post(url, texts, files=files or None, headers=headers)
                problem = html.fromstring(answer.text).xpath("string(//*[@id='problem'])")
                assert answer.status_code < 400, f"{path}: {problem}"
                if len(relay.received) > before:
                    sent.add(url)
    assert {"/subscribe", "/preferences"} <= sent
    for mail in relay.received:
        # The mailbox's owner has confirmed that address.
        said = words_of(mail.content).replace(reader, "")
        assert MARKER.lower() not in said.lower()
