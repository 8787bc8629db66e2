"""Listing mails that are arXiv's and those that only say so: signatures and a name server."""

import dkim
import pytest
from builders import NOON
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from name_server import name_server

from digest.errors import SourceError
from digest.sources import _mail_proof

MAIL = (
    b"From: no-reply@arXiv.org (send mail ONLY to cs)\r\nTo: ada@example.org\r\n"
    b"Subject: cs daily\r\nDate: Tue, 14 Apr 2026 00:31:55 GMT\r\n\r\n"
    b"\\\\\r\narXiv:2604.00001\r\nDate: Fri, 10 Apr 2026 19:05:11 GMT   (2kb)\r\n\r\n"
    b"Title: On papers\r\nAuthors: A. B.\r\nCategories: cs.LG\r\n\\\\\r\n  We look.\r\n\\\\\r\n"
)
KEY = rsa.generate_private_key(65537, 2048)
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RECORD = '"v=DKIM1; k=rsa; p=" ' + " ".join(
    f'"{line}"' for line in PUBLIC.decode().splitlines()[1:-1]
)


def signed(mail=MAIL, domain=b"arxiv.org", **more):
    headers = dkim.sign(mail, b"s1", domain, PRIVATE, **more)
    return headers + mail


def vouched(said, mail=MAIL, server="mx.example.org"):
    return f"Authentication-Results: {server};\r\n {said}\r\n".encode() + mail


@pytest.fixture(scope="module")
def dns():
    names = ("arxiv.org", "list.arxiv.org", "example.com")
    records = {(f"s1._domainkey.{name}.", "TXT"): [RECORD] for name in names}
    with name_server(records) as address:
        yield address


@pytest.fixture
def keys_of(source_of, tmp_path, dns):
    """Give what a source with these options reads of these mails."""

    def read(*mails, **more):
        for number, content in enumerate(mails):
            (tmp_path / f"{number}.eml").write_bytes(content)
        source = source_of("listing", **{"path": str(tmp_path), "name_server": dns} | more)
        bodies = list(source.fetch(None, watermark={}, now=NOON.replace(year=2020)))
        return [record.key for body in bodies for record in source.parse(body).records]

    return read


@pytest.mark.parametrize(
    "mail",
    [
        signed(),
        signed().replace(b"\r\n", b"\n"),  # as fetchmail and procmail leave them
        b"From no-reply@arxiv.org Tue Apr 14 00:32:01 2026\n" + signed(),
        signed(domain=b"list.arxiv.org"),
        signed(signed(domain=b"example.com")),
    ],
)
def test_a_mail_signed_by_arxiv_is_read(keys_of, mail):
    assert keys_of(mail) == ["arxiv:2604.00001"]


@pytest.mark.parametrize(
    ("mail", "said"),
    [
        (MAIL, "not signed by arxiv.org"),
        (signed(domain=b"example.com"), "not signed by arxiv.org"),
        (signed().replace(b"On papers", b"Buy this!"), "signature by arxiv.org is wrong"),
        (signed().replace(b"s=s1", b"s=s2"), "signature by arxiv.org is wrong"),
        (signed().replace(b"s=s1", b"s=a..b"), "signature by arxiv.org is wrong"),
        (signed().replace(b"s=s1", b"s=" + b"a" * 64), "signature by arxiv.org is wrong"),
        (signed().replace(b"s=s1", b"s=" + b"a." * 130), "signature by arxiv.org is wrong"),
        (signed().replace(b"s=s1", b"s=\\999"), "signature by arxiv.org is wrong"),
        (signed().replace(b"s=s1", b"s=\xff\xfe"), "by arxiv.org"),
        (signed(length=True) + b"\\\\\r\narXiv:2604.66666\r\nTitle: More\r\n", "not signed by"),
        (b"From: evil@arxiv.org\r\n" + signed(), "not from arxiv.org alone"),
        (b"DKIM-Signature: v=1; d=arxiv.org; \xff\r\n" + MAIL, "not signed by"),
        (vouched("dkim=pass header.d=arxiv.org"), "not signed by arxiv.org"),
    ],
)
def test_a_forged_mail_puts_no_paper_before_anybody(keys_of, mail, said):
    with pytest.raises(SourceError, match=said) as caught:
        keys_of(mail)
    assert caught.value.kind == "unauthentic"
    assert "trusted_server" in caught.value.reason


def test_a_forged_mail_beside_good_ones_is_passed_over_and_logged(keys_of, caplog):
    forged = MAIL.replace(b"2604.00001", b"2604.66666")
    assert keys_of(forged, signed()) == ["arxiv:2604.00001"]
    assert "refused source=a" in caplog.text


@pytest.mark.parametrize(
    ("fields", "is_read"),
    [
        (["dkim=pass (2048-bit key) header.d=arxiv.org header.s=s1"], True),
        (["spf=fail smtp.mailfrom=x.example; dmarc=pass header.from=arxiv.org"], True),
        (["dkim=pass header.i=@list.arxiv.org"], True),
        (["dkim=fail header.d=arxiv.org"], False),
        (["dkim=pass header.d=notarxiv.org"], False),
        (["dkim=pass header.d=arxiv.org.example.com"], False),
        (["spf=pass smtp.mailfrom=arxiv.org"], False),
        (["dkim=pass header.d=arxiv.org", "dmarc=fail header.from=arxiv.org"], False),
    ],
)
def test_the_word_of_ones_own_mail_server_counts(keys_of, fields, is_read):
    mail = MAIL
    for said in fields:
        mail = vouched(said, mail)
    if is_read:
        assert keys_of(mail, trusted_server="MX.example.org") == ["arxiv:2604.00001"]
    else:
        with pytest.raises(SourceError):
            keys_of(mail, trusted_server="mx.example.org")


def test_the_word_of_another_mail_server_does_not_count(keys_of):
    mail = vouched("dkim=pass header.d=arxiv.org", server="mx.example.com")
    with pytest.raises(SourceError, match="not signed"):
        keys_of(mail, trusted_server="mx.example.org")


def test_without_a_name_server_mails_wait_and_the_machine_counts_as_offline(keys_of):
    with pytest.raises(SourceError, match="no name server answered") as caught:
        keys_of(signed(), name_server="127.0.0.1:9")
    assert caught.value.kind == "dns"


@settings(deadline=None)  # the first call starts a worker
@given(st.binary(max_size=300), st.text(max_size=80))
def test_no_mail_makes_the_proof_raise(content, tags):
    header = f"DKIM-Signature: v=1; d=arxiv.org; {tags}".encode("utf-8", "replace")
    for mail in (content, header + b"\r\n" + content, header + b"\r\n" + MAIL):
        assert _mail_proof.doubt(mail, "arxiv.org", ask=lambda *_: [], trusted_server="x")
