"""``digest init`` as a new owner runs it: flags, no terminal, real files, real HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from digest.actions import setup
from digest.cli.main import run
from digest.config import load_config
from digest.errors import UsageError

WORKS = {
    "group": [
        {
            "work-summary": [
                {
                    "title": {"title": {"value": "Notes on the engine"}},
                    "external-ids": {
                        "external-id": [
                            {"external-id-type": "doi", "external-id-value": "10.1000/engine"},
                            {"external-id-type": "arxiv", "external-id-value": "2401.01234"},
                        ]
                    },
                }
            ]
        },
        {"work-summary": []},
    ]
}


class _Services(BaseHTTPRequestHandler):
    """ORCID's and Zotero's public shapes."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {}
        status, answer = 404, "none"
        if parts.path == "/0000-0002-1825-0097/works":
            status, answer = 200, json.dumps(WORKS)
        elif parts.path == "/users/1234567/items/top":
            if self.headers.get("Zotero-API-Key") == "k":
                start = int(parse_qs(parts.query)["start"][0])
                items = [
                    {"data": {"itemType": "preprint", "title": f"Paper {n}", "url": ""}}
                    for n in range(start, min(start + 100, 150))
                ]
                status, answer, headers = 200, json.dumps(items), {"Total-Results": "150"}
            else:
                status = 403
        elif parts.path == "/feed":
            status, answer = 200, FEED
        body = answer.encode()
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def services() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Services)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _init(*arguments: str) -> int:
    return run(["init", *arguments])


def test_what_init_writes_is_a_good_configuration():
    assert _init("ada", "--address", "ada@example.org", "-i", "sparse attention, kernels") == 0
    config = load_config()
    assert config.profile_problems == ()
    (item,) = config.profiles
    assert item.addresses == ("ada@example.org",)
    assert [term.text for term in item.profile.interests[0].terms] == [
        "sparse attention",
        "kernels",
    ]
    assert {section.kind for section in config.settings.sources.values()} == {
        "huggingface", "arxiv", "feed", "inbox",
    }  # fmt: skip


def test_every_example_of_a_source_loads_once_it_is_no_comment():
    assert _init("--address", "a@example.org") == 0
    path = Path("config/digest.toml")
    head, _mark, examples = path.read_text().partition("# More kinds of sources")
    examples, _, tail = examples.partition("# ---- Mail ----")
    wanted = "\n".join(line.removeprefix("# ") for line in examples.splitlines()[1:])
    path.write_text(f"{head}\n{wanted}\n{tail}".replace("\n#\n", "\n"))
    assert set(load_config().settings.sources) >= {
        "biorxiv", "pubmed", "crossref", "openalex", "openreview", "mails", "semanticscholar",
    }  # fmt: skip


@pytest.mark.parametrize("relay", setup.RELAYS)
def test_every_relay_preset_loads_and_says_what_it_needs(relay: str, capsys):
    assert _init("--address", "a@example.org", "--relay", relay, "--user", "u") == 0
    assert list(load_config().settings.transports) == [relay]
    assert setup.RELAYS[relay].needs.split()[0] in Path("config/digest.toml").read_text()


def test_the_relays_password_stays_in_its_file():
    Path("secret").write_text("hunter2")
    arguments = ("--relay", "gmail", "--user", "a@example.org", "--password-file", "secret")
    assert _init("--address", "a@example.org", *arguments) == 0
    options = load_config().settings.transports["gmail"].options
    assert (options["password_file"], options["host"]) == ("secret", "smtp.gmail.com")


def test_nothing_is_written_over_without_force(capsys):
    assert _init("--address", "first@example.org") == 0
    before = Path("config/digest.toml").read_text()
    assert _init("--address", "second@example.org") == 2
    assert "--force" in capsys.readouterr().err
    assert Path("config/digest.toml").read_text() == before
    assert _init("--address", "second@example.org", "--force") == 0
    assert "second@example.org" in Path("config/digest.toml").read_text()


def test_a_wrong_answer_leaves_nothing_behind():
    assert _init("--time-zone", "Mars/Olympus") == 2
    assert not list(Path().rglob("*.toml"))


def test_a_bibliography_is_an_interest_and_no_empty_one_stands_beside_it():
    Path("thesis.bib").write_text("@article{a, title={On things}, eprint={2401.01234}}")
    assert _init("--import", "thesis.bib") == 0
    (interest,) = load_config().profiles[0].profile.interests
    assert interest.name == "From thesis.bib"
    assert "On things" in Path(interest.library).read_text(encoding="utf-8")


def test_another_tools_settings_become_the_profiles():
    Path(".env").write_text("ARXIV_QUERY=cs.LG\nMAX_PAPER_NUM=25\nSEND_EMPTY=false\n")
    assert _init("--import", ".env") == 0
    profile = load_config().profiles[0].profile
    assert (profile.max_papers, profile.on_empty) == (25, "skip")


def test_hostile_answers_stay_inside_their_strings():
    hostile = 'x"]\nmalicious = true # \\ \x7f \u202e'
    assert _init("--text", hostile, "-i", hostile.replace(",", "")) == 0
    profile = load_config().profiles[0].profile
    assert "malicious = true" in profile.interests[0].text


def test_an_orcid_gives_the_owners_works(services: str):
    found = setup.from_orcid("https://orcid.org/0000-0002-1825-0097", base_url=services)
    assert (found.papers, found.liked) == (1, ("arxiv:2401.01234",))


@pytest.mark.parametrize("text", ["0000-0002-1825-0098", "ada", ""])
def test_a_mistyped_orcid_is_noticed_before_anybody_is_asked(text: str):
    with pytest.raises(UsageError, match="not an ORCID id"):
        setup.from_orcid(text, base_url="http://127.0.0.1:1")


def test_a_zotero_library_is_read_page_by_page(services: str):
    assert setup.from_zotero("1234567", key="k", base_url=services).papers == 150


def test_a_private_zotero_library_says_so(services: str):
    with pytest.raises(UsageError, match="private"):
        setup.from_zotero("1234567", base_url=services)


def test_a_service_that_is_down_is_a_sentence():
    with pytest.raises(UsageError, match="Zotero 1234567: cannot be reached"):
        setup.from_zotero("1234567", base_url="http://127.0.0.1:1")


def _quiet_but(monkeypatch, **lab: str) -> None:
    """Switch off the sources that init writes, and set one on this machine beside them."""
    assert _init("--address", "a@example.org", "--dir", "look") == 0
    for name in load_config(Path("look/digest.toml")).settings.sources:
        monkeypatch.setenv(f"DIGEST_SOURCES__{name}__ENABLED", "false")
    for key, value in lab.items():
        monkeypatch.setenv(f"DIGEST_SOURCES__LAB__{key.upper()}", value)


FEED = """<rss version="2.0"><channel><title>Lab</title><item><title>On sparse attention</title>
<link>https://lab.example.org/1</link><description>We study sparse attention.</description>
</item></channel></rss>"""


def test_init_ends_by_sending_a_first_digest(services: str, monkeypatch, capsys):
    _quiet_but(monkeypatch, kind="feed", url=f"{services}/feed", allow_private="true")
    arguments = ("ada", "--address", "ada@example.org", "-i", "sparse attention", "--send")
    assert _init(*arguments) == 0
    assert "1 paper sent to ada@example.org" in capsys.readouterr().out
    (mail,) = Path("digest-data/mail").glob("*.eml")
    assert b"sparse attention" in mail.read_bytes()


def test_a_first_digest_without_papers_is_no_success(services: str, monkeypatch, capsys):
    _quiet_but(monkeypatch, kind="feed", url=f"{services}/nothing", allow_private="true")
    assert _init("ada", "--address", "ada@example.org", "--send") == 1
    said = capsys.readouterr().out
    assert "lab: failed" in said
    assert "digest doctor" in said
