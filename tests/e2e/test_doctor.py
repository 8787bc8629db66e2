"""``digest doctor`` on installations that are well and that are not."""

import json
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from digest.actions.doctor import machine
from digest.app import open_app
from digest.cli.main import run
from digest.config import load_config

GOOD = """
[digest]
base_url = "https://digest.example.org"
[sources.blog]
kind = "feed"
url = "https://example.org/feed.xml"
[mail]
sender = "digest@example.org"
[transports.files]
kind = "file"
folder = "mails"
"""


def _examined(tmp_path, capsys, text):
    path = tmp_path / "digest.toml"
    path.write_text(text)
    code = run(["-c", str(path), "doctor", "--offline", "--json"])
    return code, {item["subject"]: item for item in json.loads(capsys.readouterr().out)}


def test_a_new_installation_has_nothing_wrong(tmp_path, capsys):
    code, found = _examined(tmp_path, capsys, GOOD)
    assert code == 0
    assert found["source blog"]["level"] == "warning"  # never polled
    assert found["relay files"]["level"] == found["unsubscribe"]["level"] == "good"


def test_everything_that_is_not_well_says_what_to_do(tmp_path, capsys):
    code, found = _examined(tmp_path, capsys, "")
    assert code == 1
    assert {found[name]["level"] for name in ("sources", "relays", "mail.sender")} == {"wrong"}
    assert all(item["advice"] for item in found.values() if item["level"] != "good")


def test_a_relay_that_does_not_answer_is_wrong(tmp_path, capsys):
    with socket.socket() as taken:  # bound, never listening: refuses
        taken.bind(("127.0.0.1", 0))
        relay = f'kind = "smtp"\nhost = "127.0.0.1"\nport = {taken.getsockname()[1]}\n'
        text = GOOD.partition("[transports.files]")[0] + "[transports.out]\n" + relay
        code, found = _examined(tmp_path, capsys, text)
    assert code == 1
    assert "cannot be reached" in found["relay out"]["message"]


def test_a_signature_left_to_the_relay_says_what_to_look_for(tmp_path, capsys):
    code, found = _examined(tmp_path, capsys, GOOD + '[mail.dkim]\nmode = "relay"\n')
    said = found["DKIM by the relay"]
    assert (code, said["level"]) == (0, "good")
    assert {"List-Unsubscribe-Post,", "h="} <= set(said["message"].split())


@pytest.mark.parametrize(
    ("domain", "warned"),
    [("example.org", False), ("back.example.org", False), ("org", False), ("example.net", True),
     ("notexample.org", True)],
)  # fmt: skip
def test_domains_that_do_not_go_with_the_sender_are_warned_of(tmp_path, capsys, domain, warned):
    key = tmp_path / "ed.pem"
    key.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    text = GOOD + (
        f'[mail.dkim]\nmode = "sign"\ndomain = "{domain}"\ned25519_selector = "ed"\n'
        f'ed25519_key_file = "{key}"\n[mail.bounces]\ndomain = "{domain}"\n'
    )
    _, found = _examined(tmp_path, capsys, text)
    for name in ("mail.dkim.domain", "mail.bounces.domain"):
        assert (name in found) is warned


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_links_that_lead_to_this_machine_are_warned_of(tmp_path, capsys, host):
    text = GOOD.replace("https://digest.example.org", f"https://{host}")
    _, found = _examined(tmp_path, capsys, text)
    assert found["unsubscribe"]["level"] == "warning"
    assert "this machine" in found["unsubscribe"]["message"]


def test_queue_and_clocks_of_several_machines_are_looked_at(
    postgresql_engine, tmp_path, monkeypatch
):
    settings = {
        "digest": {"data_dir": str(tmp_path)},
        "store": {"url": postgresql_engine.url.render_as_string(hide_password=False)},
    }
    with open_app(load_config(overrides=settings)) as app:

        def found():
            said = {one.subject: (one.level.value, one.message) for one in machine.look(app)}
            return said["queue"], said["clock"][0]

        queue = pytest.importorskip("digest.tasks").JobQueue(app)
        assert found() == (("good", "0 workers, 0 jobs wait"), "good")
        queue.ask("tick")
        assert found()[0] == ("wrong", "jobs wait and no worker is alive")
        monkeypatch.setattr(machine, "MOST_APART_S", -1)
        assert found()[1] == "wrong"
