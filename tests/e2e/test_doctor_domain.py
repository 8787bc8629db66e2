"""``digest doctor`` on the sender's domain, held against a real name server on loopback."""

import json
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dns.resolver import NoResolverConfiguration
from name_server import name_server
from scripted import Reply, serving

from digest.cli.main import run
from digest.errors import UsageError
from digest.nameserver import asking

SIGNER = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLISHED = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="  # of the key above

WELL = {
    ("example.org.", "MX"): ["10 mx.example.org."],
    ("example.org.", "TXT"): ['"v=spf1 include:relay.example -all"', '"other=1"'],
    ("_dmarc.example.org.", "TXT"): ['"v=DMARC1; p=none"'],
    ("ed._domainkey.news.example.org.", "TXT"): [f'"v=DKIM1; k=ed25519; " "p={PUBLISHED}"'],
    ("news.example.org.", "MX"): ["10 mx.example.org."],
    ("news.example.org.", "TXT"): ['"v=spf1 mx -all"'],
}

RELAY = '[transports.relay]\nkind = "smtp"\nhost = "127.0.0.1"\nport = 9\n'
FILES = '[transports.files]\nkind = "file"\nfolder = "mails"\n'


@pytest.fixture
def examined(tmp_path, capsys):
    def examine(records, *, base_url="", dkim="", server="", relay=RELAY):
        key = tmp_path / "ed.pem"
        key.write_bytes(
            SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )
        (tmp_path / "digest.toml").write_text(
            f'[digest]\nbase_url = "{base_url}"\n[mail]\nsender = "digest@news.example.org"\n'
            f"{relay}{dkim.format(key=key)}"
        )
        with name_server(records) as address:
            asked = ["-c", str(tmp_path / "digest.toml"), "doctor", "--json", "--dns"]
            run([*asked, server or address])
        return {item["subject"]: item for item in json.loads(capsys.readouterr().out)}

    return examine


SIGNED = '[mail.dkim]\nmode = "sign"\ned25519_selector = "ed"\ned25519_key_file = "{key}"\n'


def test_a_domain_that_is_well_is_found_well(examined):
    found = examined(WELL, dkim=SIGNED)
    assert {found[name]["level"] for name in ("MX", "SPF", "DMARC", "DKIM ed")} == {"good"}


def test_where_no_mail_leaves_the_machine_nobody_asks_about_its_sender(examined):
    assert not {"MX", "SPF", "DMARC"} & examined({}, relay=FILES).keys()
    assert "SPF" in examined({}, relay=FILES, dkim=SIGNED)  # somebody else sends what we sign


def test_a_domain_without_records_is_told_what_to_publish(examined):
    found = examined({}, dkim=SIGNED)
    assert {found[name]["level"] for name in ("MX", "SPF", "DMARC", "DKIM ed")} == {"wrong"}
    assert f"p={PUBLISHED}" in found["DKIM ed"]["advice"]


@pytest.mark.parametrize(
    ("name", "texts", "subject"),
    [
        ("news.example.org.", ['"v=spf1 mx -all"', '"v=spf1 a -all"'], "SPF"),
        ("news.example.org.", ['"v=spf1 +all"'], "SPF"),
        ("ed._domainkey.news.example.org.", ['"v=DKIM1; k=ed25519; p=AAAA"'], "DKIM ed"),
    ],
)
def test_a_wrong_record_is_wrong(examined, name, texts, subject):
    found = examined(WELL | {(name, "TXT"): texts}, dkim=SIGNED)
    assert found[subject]["level"] == "wrong"


@pytest.mark.parametrize(("links", "level"), [(8, "good"), (12, "wrong")])
def test_a_record_that_asks_too_much_is_wrong(examined, links, level):
    chain = {
        (f"n{n}.relay.example.", "TXT"): [f'"v=spf1 include:n{n + 1}.relay.example -all"']
        for n in range(links)
    }
    record = {("news.example.org.", "TXT"): ['"v=spf1 a include:n0.relay.example -all"']}
    found = examined(WELL | chain | record)["SPF"]
    assert found["level"] == level
    assert ("10" in found["advice"]) is (level == "wrong")


def test_a_record_that_includes_itself_ends(examined):
    record = {("news.example.org.", "TXT"): ['"v=spf1 include:news.example.org -all"']}
    assert examined(WELL | record)["SPF"]["level"] == "wrong"


@pytest.mark.parametrize(("known", "level"), [(True, "good"), (False, "wrong")])
def test_where_refusals_go_has_to_take_mail(examined, known, level):
    records = WELL | ({("back.example.org.", "MX"): ["10 mx.example.org."]} if known else {})
    found = examined(records, dkim='[mail.bounces]\ndomain = "back.example.org"\n')
    assert found["MX of mail.bounces.domain"]["level"] == level


def test_mail_that_nobody_signs_is_warned_of(examined):
    assert examined(WELL)["DKIM"]["level"] == "warning"


def test_pages_are_asked(examined):
    with serving() as web:
        web.routes["/digest/healthz"] = [Reply(b"{}"), Reply(b"", 502)]
        base = web.url("/digest")
        assert examined(WELL, base_url=base)["pages"]["level"] == "good"
        assert "502" in examined(WELL, base_url=base)["pages"]["message"]


def test_a_name_server_that_is_silent_is_no_verdict(examined):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        refusing = f"127.0.0.1:{silent.getsockname()[1]}"
    found = examined(WELL, server=refusing)
    assert {found[name]["level"] for name in ("MX", "SPF", "DMARC")} == {"warning"}


@pytest.mark.parametrize("server", ["::1", "[::1]:5353", "localhost:5353", "127.0.0.1"])
def test_a_name_server_may_be_named_or_of_the_sixth_version(server):
    assert callable(asking(server))


@pytest.mark.parametrize("server", ["ns.invalid", "127.0.0.1:dns", "[::1", "[::1]:0x", ":"])
def test_what_is_no_name_server_is_said_in_a_sentence(server):
    with pytest.raises(UsageError, match="expected such as"):
        asking(server)


def test_on_a_machine_without_a_network_no_name_server_answers(monkeypatch):
    monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", _no_name_server)
    assert asking()("example.org", "MX") is None


def _no_name_server(resolver, file):
    raise NoResolverConfiguration
