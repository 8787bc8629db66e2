import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from builders import NOON, a_paper, a_pick, a_profile, an_edition, an_edition_input
from delivery.messages import a_message, yes

from digest.actions import run as passes
from digest.app import open_app
from digest.config import load_config
from digest.delivery import OutcomeKind
from digest.delivery.chat import cut, transport
from digest.errors import AddressError, ConfigError
from digest.model import SubscriberStatus
from digest.rendering.chat import compose_post
from digest.store import subscribers

pytest.importorskip("apprise")


class Webhook(ThreadingHTTPServer):
    """A webhook that keeps what is posted and answers with the given codes, then 200."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Taker)
        self.posts = []
        self.codes = []

    @property
    def url(self):
        return f"json://127.0.0.1:{self.server_port}/secret-token"


class Taker(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append(json.loads(body))
        self.send_response(self.server.codes.pop(0) if self.server.codes else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def webhook():
    with Webhook() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def post(url, message=None, marker=yes):
    session = transport("lab", {"url": url, "timeout_s": 2}).open()
    return session.send(message or a_message(content=b"**A**\n\nOne.\n"), marker)


def test_an_edition_is_one_post(webhook):
    assert post(webhook.url).kind is OutcomeKind.SENT
    [said] = webhook.posts
    assert said["title"] == "Papers 1"
    assert "One." in said["message"]


def test_nothing_is_posted_that_the_marker_forbids(webhook):
    assert post(webhook.url, marker=lambda: False).kind is OutcomeKind.WITHDRAWN
    assert webhook.posts == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [(503, OutcomeKind.DEFERRED), (404, OutcomeKind.DEFERRED), (400, OutcomeKind.FAILED)],
)
def test_an_answer_that_was_read_leaves_nothing_uncertain(webhook, code, kind):
    webhook.codes = [code]
    outcome = post(webhook.url)
    assert outcome.kind is kind
    assert outcome.code == code


def test_a_service_that_is_not_there_was_given_nothing():
    outcome = post("json://127.0.0.1:9/secret-token")
    assert outcome.kind is OutcomeKind.DEFERRED
    assert outcome.blames_relay


def test_a_long_edition_that_stops_half_way_is_not_posted_again_by_itself(webhook):
    webhook.codes = [200, 500]
    block = b"word " * 4000
    outcome = post(webhook.url, a_message(content=b"\n\n".join([block] * 3)))
    assert outcome.kind is OutcomeKind.UNCERTAIN
    assert outcome.reply == "1 of 3 posts were taken, then one was not"


def test_secrets_of_the_address_reach_no_log(webhook, caplog):
    with caplog.at_level(logging.DEBUG):
        post(webhook.url)
        webhook.codes = [500]
        outcome = post(webhook.url)
    assert "secret-token" not in caplog.text + outcome.reply


def test_long_posts_are_cut_between_blocks():
    parts = cut("aaa\n\nbbb\n\nccc", 8)
    assert parts == ["aaa\n\nbbb", "ccc"]
    assert cut("x" * 20, 10) == ["x" * 9 + "…"]


def test_an_unknown_address_is_named_when_the_configuration_is_read():
    with pytest.raises(ConfigError, match="Apprise"):
        load_config(overrides={"transports": {"lab": {"kind": "chat", "url": "nonsense"}}})


def test_a_post_says_the_papers_and_holds_no_personal_link():
    picks = (a_pick(1), a_pick(2, section="trending"))
    text = compose_post(an_edition_input(an_edition(*picks))).text
    assert "**[Paper number 1 about careful studies of things](https://arxiv.org" in text
    assert "**Trending beyond your interests**" in text
    assert "matches careful studies" in text
    assert "digest.example.org" not in text


def test_a_hostile_title_makes_no_link_and_calls_nobody():
    paper = a_paper(1, title="[free](https://evil.example) <!channel> @everyone `x`")
    given = an_edition_input(an_edition(a_pick(1)), papers={1: paper})
    text = compose_post(given).text
    assert "](https://evil" not in text
    assert "<!" not in text
    assert "@everyone" not in text


def test_an_empty_edition_says_so():
    empty = an_edition_input(an_edition(picks=()), profile=a_profile())
    assert "Nothing new was announced." in compose_post(empty).text


def _installation(tmp_path, webhook, mail):
    config = tmp_path / "digest.toml"
    config.write_text(
        f"""
        [digest]
        data_dir = "{tmp_path / "data"}"
        [mail]
        sender = "digest@example.org"
        [transports.files]
        kind = "file"
        folder = "{mail}"
        [transports.lab]
        kind = "chat"
        url = "{webhook.url}"
        """
    )
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "lab.toml").write_text(
        'addresses = ["chat:lab", "ada@example.org", "chat:gone"]\n[[interests]]\nname = "things"\n'
    )
    return load_config(config)


def test_a_channel_is_reached_by_its_address_alone(tmp_path, webhook):
    with open_app(_installation(tmp_path, webhook, tmp_path / "mail")) as app:
        report = passes.run(app)
        again = passes.run(app)
    assert report.sent.counts["sent"] == 2
    assert len(webhook.posts) == 1
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1
    assert again.sent.counts["sent"] == 0
    assert [problem for problem in report.problems if "chat" in problem] == [
        f"{tmp_path / 'profiles' / 'lab.toml'}: addresses: "
        "there is no [transports.gone] of kind chat"
    ]


def test_a_broken_channel_is_no_reason_to_mail_its_edition(tmp_path, webhook):
    webhook.codes = [503] * 9
    with open_app(_installation(tmp_path, webhook, tmp_path / "mail")) as app:
        report = passes.run(app)
    assert report.sent.counts["sent"] == 1
    assert report.sent.counts["deferred"] == 1
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1


def test_strangers_cannot_subscribe_a_channel(sqlite_engine):
    with sqlite_engine.begin() as connection, pytest.raises(AddressError):
        subscribers.ensure(
            connection, "chat:lab", status=SubscriberStatus.UNCONFIRMED, now=NOON, via="page"
        )
