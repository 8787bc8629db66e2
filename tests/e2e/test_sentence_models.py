import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from builders import NOON, a_paper, a_profile, a_record, an_interest

from digest.actions.search_index import SearchIndex
from digest.actions.searching import find
from digest.app import App
from digest.config import load_config
from digest.embedding import open_model
from digest.errors import ConfigError
from digest.pipeline import backgrounds, embedding
from digest.ranking import Candidates, Reader
from digest.ranking.semantic import ranker
from digest.store import vectors
from digest.store.ingest import ingest

SUBJECTS = ("tumour", "cancer"), ("flood", "river"), ("kernel", "compiler")


class Endpoint(BaseHTTPRequestHandler):
    """Gives texts of one subject one direction, and answers in another order than asked."""

    asked: list[str] = []  # noqa: RUF012 (one list for the whole server, emptied by the fixture)
    is_broken = False

    def do_POST(self):
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        self.asked.extend(texts)
        rows = [{"index": n, "embedding": direction(text)} for n, text in enumerate(texts)]
        content = b"<html>" if self.is_broken else json.dumps({"data": rows[::-1]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def direction(text):
    found = [0.2 + 5.0 * any(word in text.lower() for word in words) for words in SUBJECTS]
    return [*found, len(text) % 7 / 7]


@pytest.fixture
def endpoint():
    Endpoint.asked.clear()
    Endpoint.is_broken = False
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.fixture
def app(endpoint, sqlite_engine):
    config = load_config(overrides={"ranking": {"model": "subjects", "model_url": endpoint}})
    app = App(config, lambda: NOON, sqlite_engine)
    with app.writing() as connection:
        records = [
            a_record(n, title=f"The {SUBJECTS[n % 3][0]} of number {n}", abstract="")
            for n in range(1, 241)
        ]
        ingest(connection, source="arxiv-ml", records=records, now=NOON - timedelta(hours=2))
    return app


def test_each_paper_is_asked_about_once_and_keeps_its_own_vector(app):
    assert embedding.prepare(app) == 240
    assert embedding.prepare(app) == 0
    assert len(Endpoint.asked) == 240
    with app.reading() as connection:
        held = vectors.of_papers(connection, "subjects", [1, 2])
    for row_id, content in held.items():
        wanted = np.array(direction(f"The {SUBJECTS[row_id % 3][0]}"))[:3]
        found = np.frombuffer(content, dtype="<f2")[:3]
        assert found.argmax() == wanted.argmax()


def test_the_semantic_ranker_finds_what_shares_no_word(app, monkeypatch):
    monkeypatch.setattr(backgrounds, "MOST_PAPERS", 300)
    embedding.prepare(app)
    liked = a_paper(900, title="Cancer in mice", abstract="")
    new = (
        a_paper(901, title="Some tumour", abstract=""),
        a_paper(902, title="Some flood", abstract=""),
    )
    with app.reading() as connection:
        encoder = embedding.stored_encoder(app, connection)
        learnt = backgrounds.learnt(connection, NOON, encoder)
        candidates = Candidates(
            papers=new,
            window_start_at=NOON - timedelta(days=1),
            window_end_at=NOON,
            background=learnt.background,
            sentences=learnt.sentences,
        )
        interest = an_interest("medicine", liked=(liked.key,))
        reader = Reader(
            subscription_id=1,
            profile=a_profile(interests=(interest,)),
            known_papers={liked.key: liked},
        )
        (choice,) = ranker({}).rank(candidates, [reader], now=NOON, seed=1)
    assert [pick.paper_id for pick in choice.picks] == [901]


def test_an_endpoint_that_answers_rubbish_costs_no_edition(app):
    Endpoint.is_broken = True
    assert embedding.prepare(app) == 0
    with app.reading() as connection:
        encoder = embedding.stored_encoder(app, connection)
        assert not encoder.papers([a_paper(1)]).any()
        assert backgrounds.learnt(connection, NOON, encoder).sentences is None


def test_a_model_that_is_not_there_is_named():
    settings = load_config(overrides={"ranking": {"model": "nobody/nothing"}}).settings.ranking
    with pytest.raises(ConfigError, match=r"nobody/nothing"):
        open_model(settings)


def test_a_search_asks_the_model_about_the_query_and_goes_on_without_it(app):
    embedding.prepare(app)
    index = SearchIndex(app)

    def subjects(text):
        titles = [entry.paper.title for entry in find(app, index, text).entries]
        return {title.split()[1] for title in titles[:20]}

    # No word is near the titles' for the table; the model's direction of the query decides.
    assert subjects("zzqx cancer vvkq") == {"tumour"}
    Endpoint.asked.clear()
    Endpoint.is_broken = True
    assert subjects("compiler kernel") == {"kernel"}
    assert len(Endpoint.asked) == 1
    assert subjects("river flood") == {"flood"}
    assert len(Endpoint.asked) == 1  # left alone for a minute
