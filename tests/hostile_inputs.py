"""Inputs made to freeze, crash, fill or deceive whoever reads them; each has a name and a door.

``hostile_inputs()`` yields them all, ``evil_texts(n)`` the texts of about n characters that they
are made of. A door is where such a thing comes in:

    library   an uploaded file (bytes)              feed, page, pdf   what a server answers (bytes)
    form      the fields of a form of interests     mail              what comes back (bytes)
    search    what is searched for                  webhook, api      a posted body (bytes)
    papers    papers that somebody names            profile           a TOML file (bytes)
    address   a mail address                        location          where a server redirects to
"""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

DOORS = (
    *("library", "form", "search", "papers", "address", "feed", "page", "pdf", "mail", "webhook"),
    *("api", "profile", "location"),
)

REPEATED = {
    "newlines": "\n", "returns": "\r", "spaces": " ", "tabs": "\t", "ats": "@", "braces": "{",
    "closing": "}", "brackets": "[", "parentheses": "(", "comments": "<!--", "cdata": "<![CDATA[",
    "math": "<math>", "tex-math": "<tex-math>", "titles": "<title>", "scripts": "<script>",
    "instructions": "<?x ", "doctypes": "<!DOCTYPE", "subscripts": "<sub>", "less": "<",
    "tags": "<a ", "attributes": "<a b=", "entities": "&", "decimals": "&#", "inline": "\\(",
    "display": "\\[", "dollars": "$", "dollar-pairs": "$$", "cites": "\\cite{",
    "options": "\\cite[", "backslashes": "\\", "emphases": "{\\em ", "ticks": "``",
    "fractions": "\\frac{", "powers": "^{", "ties": "a~", "quotes": '"', "single": "'",
    "escaped": '\\"', "digits": "0", "nines": "9", "dots": ".", "dotted": "a.", "ands": " and ",
    "spaced-and": "  and", "amps": " & ", "semicolons": " ; ", "commas": ",", "equals": "=",
    "fields": "a=", "quoted-fields": 'a="', "addresses": "a@a", "at-dots": "@.", "slashes": "/",
    "urls": "http://", "users": "http://a:b", "secrets": "key=", "bearers": "bearer ",
    "encoded": "%25", "percents": "%", "dois": "10.1000/", "doi-closing": "10.1/)",
    "arxiv": "arxiv:", "notes": "(1)", "entries": "@a{", "ris": "TY  - ", "keys": '"Key"',
    "words": "=?utf-8?b?", "words-open": "=?", "colons": ":", "hyphens": "-", "dashes": "---",
    "underscores": "_", "stars": "*", "hashes": "#", "zeros": "0.", "letters": "a", "capitals": "A",
    "combining": "\u0301", "marks": "e\u0301\u0323", "wide": "𝔘", "overrides": "\u202e",
    "zero-width": "\u200b", "ligatures": "\ufdfa", "nulls": "\0", "escapes": "\x1b[2J",
    "wordy": "a b ", "sentences": "Aa. ", "unsubscribe": "unsubscribe ", "received": "Received: ",
}  # fmt: skip
"""Texts that begin something again and again and never end it."""


@dataclass(frozen=True)
class HostileInput:
    """One input: bytes where a file or a body is sent, else fields by name (or one text)."""

    name: str
    door: str
    content: bytes | Mapping[str, str] | str


def evil_texts(length: int) -> Iterator[tuple[str, str]]:
    """Yield names and texts of about so many characters."""
    for name, unit in REPEATED.items():
        yield name, unit * max(1, length // len(unit))


def hostile_inputs() -> Iterator[HostileInput]:
    """Yield all inputs; each is made when it is asked for, some have megabytes."""
    for door, inputs in _DOORS.items():
        for name, make in inputs.items():
            yield HostileInput(f"{door}: {name}", door, make())
    for name, text in evil_texts(60_000):
        yield HostileInput(f"library: 60 kB of {name}", "library", text.encode())
    for name, text in evil_texts(20_000):
        yield HostileInput(f"library: BibTeX with {name}", "library", _bibtex(text))
        yield HostileInput(f"library: JSON with {name}", "library", _csl(text))
        yield HostileInput(f"feed: RSS with {name}", "feed", _rss(text))
        yield HostileInput(f"page: only {name}", "page", _page(text))
    for name, text in evil_texts(4000):
        yield HostileInput(f"form: {name}", "form", _form(text))
        yield HostileInput(f"search: {name}", "search", text[:2000])
        yield HostileInput(f"papers: {name}", "papers", text)
        yield HostileInput(f"address: {name}", "address", f"{text[:1000]}@example.org")
        yield HostileInput(f"location: only {name}", "location", "/" + text)
        yield HostileInput(f"mail: subject of {name}", "mail", _mail(text))
        yield HostileInput(f"profile: only {name}", "profile", _profile(text))


def _bibtex(text: str) -> bytes:
    return f"@article{{a, title = {{T {text}}}, author = {{A {text}}}}}\n".encode()


def _csl(text: str) -> bytes:
    fields = {"title": f"T {text}", "abstract": text, "DOI": text, "URL": text, "note": text}
    people = [{"given": text, "family": text}]
    return json.dumps([{**fields, "author": people, "tags": [{"tag": text}]}]).encode()


def _rss(text: str) -> bytes:
    safe = html.escape("".join(c for c in text if c.isprintable() or c.isspace()))
    return (
        f"<rss version='2.0'><channel><title>{safe[:200]}</title><item><title>T {safe}</title>"
        f"<link>https://x.example/1</link><description>{safe}</description><author>{safe}</author>"
        f"<guid>{safe[:300]}</guid><pubDate>{safe}</pubDate></item></channel></rss>"
    ).encode()


def _page(text: str) -> bytes:
    safe = html.escape(text)
    labels = (
        *("citation_title", "citation_author", "citation_abstract", "citation_doi", "keywords"),
        *("citation_date", "citation_pdf_url", "citation_arxiv_id", "citation_pmid"),
    )
    metas = "".join(f'<meta name="{label}" content="T {safe}">' for label in labels)
    return f"<!doctype html><html><head>{metas}<title>{text}</title></head></html>".encode()


def _form(text: str) -> dict[str, str]:
    names = ("name-0", "terms-0", "categories-0", "authors-0", "papers-0", "text-0", "mutes")
    return {"address": "ada@example.org", **dict.fromkeys(names, text)}


def _mail(text: str) -> bytes:
    line = "".join(char if char not in "\r\n\0" else " " for char in text)
    head = f"From: MAILER-DAEMON@x.example\r\nTo: <a@b.example>\r\nSubject: {line}\r\n"
    return f"{head}References: {line}\r\n\r\n{text}\r\n".encode()


def _profile(text: str) -> bytes:
    value = json.dumps(text)
    return (
        f"name = {value}\ntitle = {value}\n[[interests]]\nname = {value}\nterms = [{value}]\n"
        f"text = {value}\nauthors = [{value}]\n"
    ).encode()


def _daemon(rest: bytes) -> bytes:
    """Return a mail that a mail server seems to have written."""
    return b"From: mailer-daemon@x.example\nTo: b+x@example.org\n" + rest


def _charset(name: bytes, text: bytes) -> bytes:
    return b"Content-Type: text/plain; charset=" + name + b"\n\n" + text + b"\n"


def _nested_parts(depth: int) -> bytes:
    opened = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth)
    )
    return f"From: a@b.example\r\nSubject: x\r\n{opened}\r\ntext".encode()


def _entity_bomb() -> bytes:
    lines = [f'<!ENTITY b{n} "{f"&b{n - 1};" * 10 if n else "x" * 1000}">' for n in range(9)]
    return (
        f"<?xml version='1.0'?><!DOCTYPE r [{''.join(lines)}]><rss version='2.0'><channel>"
        "<title>&b8;</title><item><title>&b8;</title></item></channel></rss>"
    ).encode()


def _notice(**fields: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return (
        "From: MAILER-DAEMON@x.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.example\r\n\r\n"
        f"{lines}\r\n--b--\r\n"
    ).encode()


def _xmp(inner: str) -> bytes:
    return (
        f'%PDF-1.7\n<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/'
        f'02/22-rdf-syntax-ns#">{inner}</rdf:RDF></x:xmpmeta>\n%%EOF'
    ).encode()


_BIG = 2_000_000
_DOORS: dict[str, dict[str, Callable[[], bytes | Mapping[str, str] | str]]] = {
    "library": {
        "20 kB of newlines": lambda: b"\n" * 20_000,
        "2 MB of newlines": lambda: b"\n" * _BIG,
        "2 MB of spaces": lambda: b" " * _BIG,
        "2 MB of newlines before an entry": lambda: b"\n" * (_BIG - 50) + b"@a{b, title={c}}",
        "2 MB of braces": lambda: b"{" * _BIG,
        "2 MB of brackets": lambda: b"[" * _BIG,
        "2 MB of quotes": lambda: b'"' * _BIG,
        "2 MB of digits": lambda: b"[" + b"9" * _BIG + b"]",
        "2 MB of zero bytes": lambda: b"\0" * _BIG,
        "2 MB that are not UTF-8": lambda: b"\xff" * _BIG,
        "2 MB of RIS tags": lambda: b"TY  - JOUR\n" * (_BIG // 11),
        "2 MB of RIS records": lambda: b"TY  - JOUR\nTI  - a\nER  - \n" * (_BIG // 26),
        "one RIS record of 2 MB": lambda: b"TY  - JOUR\n" + b"AU  - a\n" * (_BIG // 8),
        "2 MB of Zotero rows": lambda: b'"Key","Item Type","Title"\n' + b"a,b,c\n" * (_BIG // 6),
        "a cell of 2 MB": lambda: b'"Key","Item Type","Title"\na,b,"' + b"c" * _BIG,
        "a row of a million cells": lambda: b'"Key","Item Type","Title"\n' + b"," * 1_000_000,
        "entries that never end": lambda: b"@article{a, title = {" * 5000,
        "5,000 keys alike": lambda: b"@article{a, title = {b}}\n" * 5000,
        "strings in strings": lambda: b"".join(
            b"@string{s%d = s%d # s%d}\n" % (n, n - 1, n - 1) for n in range(1, 60)
        ) + b'@string{s0 = "x"}\n@article{a, title = s59}',
        "an entry of 50,000 fields": lambda: b"@article{a, "
        + b", ".join(b"f%d = {x}" % n for n in range(50_000)) + b"}",
        "nested JSON": lambda: b'[{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
        "a number of 100,000 digits": lambda: b'[{"title": ' + b"9" * 100_000 + b"}]",
        "infinity": lambda: b'[{"title": Infinity, "author": NaN}]',
        "100,000 authors": lambda: json.dumps(
            [{"title": "t", "author": [{"family": "a"}] * 100_000}]
        ).encode(),
        "a title of 2 MB": lambda: json.dumps([{"title": "a" * _BIG}]).encode(),
        "surrogates": lambda: b'[{"title": "\\ud800 \\udfff", "author": ["\\ud800"]}]',
        "wrong types": lambda: b'[{"title": {"a": 1}, "author": 3, "tags": "x", "DOI": []}]',
        "an object of objects": lambda: b'{"items": {"a": {"title": "b"}}}',
        "authors that are no people": lambda: b'[{"title": "t", "author": {"family": {"x": 1}}}]',
        "nothing": lambda: b"",
        "a zip bomb": lambda: gzip.compress(b"\0" * 10_000_000),
    },
    "feed": {
        "entities in entities": _entity_bomb,
        "deep nesting": lambda: b"<rss version='2.0'><channel>" + b"<a>" * 100_000,
        "50,000 attributes": lambda: b"<rss version='2.0' "
        + b" ".join(b"a%d='1'" % n for n in range(50_000)) + b"/>",
        "50,000 entries": lambda: b"<rss version='2.0'><channel>"
        + b"<item><title>x</title></item>" * 50_000 + b"</channel></rss>",
        "a title of 10 MB": lambda: b"<rss version='2.0'><channel><item><title>"
        + b"x" * 10_000_000 + b"</title></item></channel></rss>",
        "cut in its head": lambda: b"<?xml version='1.0'?><rss version='2.0'><channel><title>x",
        "malformed without entries": lambda: b"<rss version='2.0'><channel><title>a</b></channel>",
        "an unknown encoding": lambda: b"<?xml version='1.0' encoding='x-none'?><rss/>",
        "idna as its encoding": lambda: b"<?xml version='1.0' encoding='idna'?><rss>\xc3</rss>",
        "UTF-16 that is none": lambda: b"\xff\xfe<rss version='2.0'></rss>\x00",
        "nested JSON": lambda: b'{"version": "https://jsonfeed.org/version/1.1", "items": '
        + b"[" * 200_000,
        "JSON of wrong types": lambda: b'{"version": "https://jsonfeed.org/version/1.1", '
        b'"items": [1, null, {"id": {}, "title": [], "authors": 3, "url": {}}]}',
        "a number of 100,000 digits": lambda: b'{"version": "https://jsonfeed.org/version/1.1", '
        b'"items": [{"id": ' + b"9" * 100_000 + b"}]}",
        "zero bytes": lambda: b"\0" * 1_000_000,
        "newlines": lambda: b"\n" * 5_000_000,
        "dates out of reach": lambda: b"<rss version='2.0'><channel><item><title>a</title>"
        b"<link>http://x.example/</link><pubDate>Mon, 01 Jan 99999 99:99:99 +9999</pubDate></item>"
        b"</channel></rss>",
    },
    "page": {
        "deep nesting": lambda: b"<html>" + b"<div>" * 200_000,
        "half a million metas": lambda: b"<html><head>" + b"<meta name=a content=b>" * 500_000,
        "an attribute of 5 MB": lambda: b"<html><meta name='citation_title' content='"
        + b"x" * 5_000_000 + b"'>",
        "20,000 authors": lambda: b"<html><head><meta name=citation_title content='A title'>"
        + b"<meta name=citation_author content='A, B'>" * 20_000,
        "entities": lambda: b"<html>" + b"&amp;" * 500_000,
        "an unknown encoding": lambda: b"<html><meta charset=x-none><title>\xff</title>",
        "newlines": lambda: b"<html>" + b"\n" * 5_000_000,
    },
    "pdf": {
        "only beginnings": lambda: b"%PDF-1.7\n" + b"<x:xmpmeta" * 500_000,
        "only ends": lambda: b"%PDF-1.7\n" + b"</x:xmpmeta>" * 400_000,
        "beginnings and ends": lambda: b"%PDF-1.7\n" + b"<x:xmpmeta></x:xmpmeta>" * 200_000,
        "nothing": lambda: b"%PDF-1.7\n",
        "5 MB of newlines": lambda: b"%PDF-1.7\n" + b"\n" * 5_000_000,
        "deep nesting": lambda: _xmp("<a>" * 20_000),
        "entities": lambda: _xmp("&a;" * 20_000),
        "a title of its own": lambda: _xmp(
            '<dc:title xmlns:dc="http://purl.org/dc/elements/1.1/">' + "x" * 150_000 + "</dc:title>"
        ),
        "20,000 creators": lambda: _xmp(
            '<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">'
            + "<a>b</a>" * 20_000 + "</dc:creator>"
        ),
    },
    "mail": {
        "a subject that is no base64": lambda: b"Subject: =?utf-8?b?A?=\r\n\r\nx",
        "a stray byte in a charset": lambda: b"Subject: =?ut\xfff-8?q?a?=\r\n\r\nx",
        "charset idna": lambda: b"Subject: x\r\nContent-Type: text/plain; charset=idna\r\n\r\n\xc3",
        "1,000 messages in messages": lambda: b"Subject: x\r\n"
        + b"Content-Type: message/rfc822\r\n\r\n" * 1000 + b"x",
        "300 nested multiparts": lambda: _nested_parts(300),
        "100,000 headers": lambda: b"Received: x\r\n" * 100_000 + b"\r\nx",
        "a header of 5 MB": lambda: b"Subject: " + b"x" * 5_000_000 + b"\r\n\r\n",
        "20,000 parts": lambda: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\n\r\nx\r\n" * 20_000,
        "a boundary of newlines": lambda: b'Content-Type: multipart/mixed; '
        b'boundary="\r\n \r\n"\r\n\r\n',
        "an address of 100 kB": lambda: b"From: " + b"a" * 100_000 + b"@x\r\n\r\n",
        "comments in comments": lambda: b"From: " + b"(" * 50_000 + b"\r\n\r\n",
        "a report without an address": lambda: _notice(Status="5.1.1", Action="failed"),
        "a report of spaces": lambda: _notice(Status=" " * 20_000, Final_Recipient=";" * 20_000),
        "a diagnosis of digits": lambda: _notice(
            Final_Recipient="rfc822; a@b.example", Status="5.1.1", Diagnostic_Code="5." * 50_000
        ),
        "nothing": lambda: b"",
        "newlines": lambda: b"\n" * 1_000_000,
        "zero bytes": lambda: b"\0" * 1_000_000,
        "no end of base64": lambda: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"A" * 3_000_001,
        "a subject in idna": lambda: _daemon(b"Subject: =?idna?q?=C3=BC?=\n\nx\n"),
        "a subject of folds": lambda: _daemon(b"Subject: x\n" + b" y\n" * 300_000 + b"\nx\n"),
        "a sender that is no base64": lambda: b"From: =?utf-8?b?A?= <x@\xff>\n\nx\n",
        "charset punycode": lambda: _daemon(_charset(b"punycode", b"\xff-999999999")),
        "charset base64": lambda: _daemon(_charset(b"base64", b"550 5.1.1 x")),
        "charset undefined": lambda: _daemon(_charset(b"undefined", b"x")),
        "a zero byte in a charset": lambda: _daemon(_charset(b'"a\0b"', b"x")),
        "a charset in pieces": lambda: _daemon(_charset(b"x; charset*=\xff'x'%ff", b"x")),
        "uuencode": lambda: _daemon(
            b"Content-Transfer-Encoding: x-uuencode\n\nbegin 6 a\n" + b"\xff" * 9_000
        ),
        "18,000 recipients": lambda: _daemon(
            b"Content-Type: multipart/report; boundary=b\n\n--b\n"
            b"Content-Type: message/delivery-status\n\n"
            + b"Action: failed\nFinal-Recipient: rfc822;a@b.c\n\n" * 18_000
        ),
        "lines in parts": lambda: _nested_parts(30) + b"\n" * 900_000,
        "one long line": lambda: _daemon(b"\n" + b"x@" * 400_000),
        "continuations that contradict": lambda: _daemon(
            b"Content-Type: text/plain; charset*0=a; charset*=b; charset*1*=c'd'%ff\n\nx"
        ),
        "100,000 continuations": lambda: _daemon(
            b"Content-Type: text/plain; "
            + b"; ".join(b"a*%d=x" % n for n in range(100_000)) + b"\n\nx"
        ),
        "a million semicolons": lambda: _daemon(
            b"Content-Type: text/plain" + b";" * 900_000 + b"\n\nx"
        ),
        "a status of empty lines": lambda: _daemon(
            b"Content-Type: message/delivery-status\n\n" + b"\n" * 900_000
        ),
        "a date of digits": lambda: _daemon(b"Date: " + b"9" * 5_000 + b"\n\nx"),
    },
    "webhook": {
        "nothing": lambda: b"",
        "nested": lambda: b"[" * 100_000,
        "a number of 100,000 digits": lambda: b"[" + b"9" * 100_000 + b"]",
        "20,000 events": lambda: json.dumps(
            [{"event": "bounce", "email": f"a{n}@b.example"} for n in range(20_000)]
        ).encode(),
        "wrong types": lambda: b'[1, null, {"event": {}, "email": [], "timestamp": "x"}]',
        "a message in a message": lambda: json.dumps(
            {"Type": "Notification", "Message": json.dumps({"Message": "{" * 10_000})}
        ).encode(),
        "not UTF-8": lambda: b"\xff\xfe[]",
        "newlines": lambda: b"\n" * 1_000_000,
        "surrogates and zero bytes": lambda: b'{"event": "spam", "email": "a@b.example", '
        b'"reason": "\\ud800\\u0000", "message-id": "<\\udfff\\u0000@x>"}',
        "an event nested to the limit": lambda: b'{"event": "spam", "email": "a@b.example", "x": '
        + b"[" * 900 + b"]" * 900 + b"}",
        "words without an address": lambda: json.dumps(
            [{"event": "bounce", "email": "a" * 4000, "reason": "x@" * 2000}] * 200
        ).encode(),
    },
    "api": {
        "nothing": lambda: b"",
        "nested": lambda: b'{"address": ' + b"[" * 100_000,
        "a number of 100,000 digits": lambda: b'{"address": ' + b"9" * 100_000 + b"}",
        "wrong types": lambda: b'{"address": {"a": []}, "profile": 1, "interests": "x"}',
        "surrogates": lambda: b'{"address": "\\ud800@x.example"}',
        "infinity": lambda: b'{"address": Infinity}',
        "a million keys": lambda: json.dumps({f"k{n}": n for n in range(200_000)}).encode(),
    },
    "profile": {
        "nothing": lambda: b"",
        "nested arrays": lambda: b"a = " + b"[" * 50_000,
        "nested tables": lambda: b"a = " + b"{b = " * 20_000,
        "dotted keys": lambda: b".".join([b"a"] * 20_000) + b" = 1",
        "a number of 100,000 digits": lambda: b"a = " + b"9" * 100_000,
        "not UTF-8": lambda: b"a = '\xff'",
        "a date out of reach": lambda: b"a = 0000-00-00",
        "wrong types": lambda: b"name = [1]\ninterests = 'x'\nschedule = 3\n",
        "infinity": lambda: b"name = 'a'\nmax_papers = inf\ntrending_weight = nan\n",
        "newlines": lambda: b"\n" * 1_000_000,
        "quotes": lambda: b"a = " + b'"' * 100_000,
    },
    "location": {
        "65,536 ats": lambda: "/" + "@" * 65_535,
        "20,000 addresses": lambda: "/" + "a@a." * 16_000,
        "20,000 users": lambda: "//" + "a:" * 20_000,
        "20,000 secrets": lambda: "/?" + "key=a&" * 10_000,
        "bearers": lambda: "/" + "bearer%20" * 7000,
        "dots": lambda: "/" + "../" * 20_000,
        "a host of dots": lambda: "//" + "a." * 20_000,
        "brackets": lambda: "//[" + ":" * 20_000,
        "ports": lambda: "//x.example:" + "9" * 20_000,
        "IPv6 within": lambda: "http://[::127.0.0.1]/",
        "IPv6 site": lambda: "http://[fec0::1]/",
        "IPv6 segments": lambda: "http://[5f00::1]/",
    },
}  # fmt: skip
