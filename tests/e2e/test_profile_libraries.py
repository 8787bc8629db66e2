import os
from datetime import timedelta

import pytest
from builders import NOON, a_record

from digest.actions import profiles, ranking
from digest.app import App
from digest.config import load_config
from digest.store.ingest import ingest

TITLES = {
    1: "Sparse attention kernels for long documents",
    2: "Soil bacteria under drought",
    3: "Photometry of variable stars in open clusters",
    4: "Bond markets and expectations",
    5: "The migration of arctic terns",
    6: "Language change in island communities",
}

BIBTEX = """
@article{one, title = {Sparse attention for long documents}, eprint = {2301.00001},
  abstract = {Attention kernels that skip most of a long document.}}
@book{two, title = {Fast sparse attention kernels}, author = {Lovelace, Ada}}
"""


@pytest.fixture
def make_app(tmp_path, sqlite_engine):
    def make(interest='library = "mine.bib"'):
        (tmp_path / "profiles").mkdir(exist_ok=True)
        (tmp_path / "profiles" / "ada.toml").write_text(
            f'exploration = 0\n[[interests]]\nname = "reading"\n{interest}\n'
        )
        (tmp_path / "digest.toml").write_text("[digest]\n")
        app = App(load_config(tmp_path / "digest.toml"), lambda: NOON, sqlite_engine)
        with app.writing() as connection:
            papers = [a_record(n, title=t, abstract="", authors=()) for n, t in TITLES.items()]
            ingest(connection, source="arxiv-ml", records=papers, now=NOON - timedelta(hours=3))
        return app

    return make


@pytest.fixture
def library(tmp_path):
    def write(text, name="mine.bib", changed=1):
        (tmp_path / "profiles").mkdir(exist_ok=True)
        path = tmp_path / "profiles" / name
        path.write_text(text)
        os.utime(path, (changed, changed))

    return write


def test_what_a_reader_keeps_finds_more_of_its_kind(make_app, library):
    library(BIBTEX)
    (pick,) = ranking.rank(make_app(), "ada").picks
    assert pick.title == TITLES[1]
    assert pick.parts["near likes"] == 2
    assert "and 1 more paper that you liked" in pick.account


def test_a_library_that_changes_is_followed_at_once(make_app, library):
    library(BIBTEX)
    app = make_app()
    ranking.rank(app, "ada")
    library("@article{a, title = {Arctic terns and their migration}}", changed=2)
    titles = [p.title for p in ranking.rank(app, "ada").picks]
    assert titles[0] == TITLES[5]
    assert TITLES[1] not in titles


@pytest.mark.parametrize("text", [None, "this is no library"])
def test_a_library_that_cannot_be_read_is_named_and_the_profile_served(make_app, library, text):
    if text is not None:
        library(text)
    app = make_app('library = "mine.bib"\nterms = ["soil bacteria"]')
    (problem,) = profiles.sync(app).problems
    assert "profiles/ada.toml: interests.reading.library: " in problem
    assert "mine.bib" in problem
    assert [p.title for p in ranking.rank(app, "ada").picks] == [TITLES[2]]


def test_a_disliked_paper_of_the_library_stays_disliked(make_app, library):
    library("@article{one, title = {Sparse attention kernels}, eprint = {2301.00001}}")
    app = make_app('library = "mine.bib"\ndisliked = ["arxiv:2301.00001"]')
    assert ranking.rank(app, "ada").picks == ()
