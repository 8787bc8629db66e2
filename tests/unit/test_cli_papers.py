import json
from datetime import timedelta

from builders import NOON, a_record

from digest.app import open_app
from digest.cli.main import run
from digest.config import load_config
from digest.model import AnnounceType
from digest.store.ingest import ingest

NOW = ["--now", NOON.isoformat()]


def fill(*batch):
    with open_app(load_config(None), now=NOON) as app, app.writing() as connection:
        ingest(connection, source="arxiv-ml", records=batch, now=NOON)


def test_papers_of_today_are_listed(capsys):
    fill(a_record(1), a_record(2))
    assert run([*NOW, "papers", "--new", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_paper_tells_its_story_by_any_form_of_its_id(capsys):
    fill(a_record(1))
    assert run([*NOW, "papers", "show", "https://arxiv.org/pdf/2604.00001v1"]) == 0
    told = capsys.readouterr().out
    assert "Paper number 1" in told
    assert "2026-04-14  arxiv-ml  new" in told


def test_the_story_says_when_it_was_news_or_why_never(capsys):
    fill(a_record(1), a_record(2, announce_type=AnnounceType.REPLACE))
    run([*NOW, "papers", "show", "2604.00001"])
    assert "published 2026-04-13, first seen 2026-04-14 12:00, news on" in capsys.readouterr().out
    run([*NOW, "papers", "show", "2604.00002"])
    assert "never news: all that was seen of it are replacements" in capsys.readouterr().out


def test_what_came_of_it_later_is_not_why_it_never_was_news(capsys):
    late = {"announce_type": AnnounceType.REPLACE}
    fill(a_record(1, **late))
    with open_app(load_config(None), now=NOON) as app, app.writing() as connection:
        published = [a_record(1, asserted_ids=("doi:10.1000/x",), **late)]
        ingest(connection, source="arxiv-ml", records=published, now=NOON + timedelta(days=9))
    run([*NOW, "papers", "show", "2604.00001"])
    told = capsys.readouterr().out
    assert "published" in told
    assert "never news: all that was seen of it are replacements" in told


def test_a_preprint_of_what_was_published_before_is_said_to_be_that(capsys):
    fill(a_record(1, key="doi:10.1000/x", native_id="x", version=None), a_record(1))
    run([*NOW, "papers", "show", "2604.00001"])
    assert "never news: its preprint, or what was published of it, was" in capsys.readouterr().out


def test_a_record_that_never_rests_is_told_as_such(capsys):
    for number in range(3):
        fill(a_record(1, abstract=f"Seen {number} times."))
    run([*NOW, "papers", "show", "2604.00001"])
    assert "arxiv-ml  oai:arXiv.org:2604.00001v1  changed 2 times\n" in capsys.readouterr().out
    for number in range(3, 30):
        fill(a_record(1, abstract=f"Seen {number} times."))
    run([*NOW, "papers", "show", "2604.00001"])
    assert "changed 24 times: no longer followed" in capsys.readouterr().out


def test_words_of_a_title_lead_to_the_id(capsys):
    fill(a_record(1, title="Folding laundry with robots"))
    assert run([*NOW, "papers", "show", "robots folding"]) == 2
    assert "perhaps arxiv:2604.00001 (Folding laundry with robots)" in capsys.readouterr().err


def test_a_cut_list_says_so(capsys):
    fill(a_record(1), a_record(2))
    run([*NOW, "papers", "--limit", "1"])
    assert "there may be more: --limit" in capsys.readouterr().out


def test_an_unknown_paper_is_wrong_use(capsys):
    assert run([*NOW, "papers", "show", "arxiv:2604.99999"]) == 2
    assert "no paper" in capsys.readouterr().err


def test_a_doubt_is_listed_until_the_owner_says_that_the_papers_differ(capsys):
    journals = ("doi:10.1000/x", "doi:10.1000/y")
    title = "Careful studies of many interesting things"
    fill(*(a_record(key=key, native_id=key, title=title, version=None) for key in journals))
    run([*NOW, "papers", "doubts"])
    told = capsys.readouterr().out
    assert "digest papers merge doi:10.1000/x doi:10.1000/y" in told
    assert run([*NOW, "papers", "differ", *journals]) == 0
    capsys.readouterr()
    run([*NOW, "papers", "doubts", "--json"])
    assert json.loads(capsys.readouterr().out) == []
    assert run([*NOW, "papers", "merge", *journals]) == 2
    assert "different papers" in capsys.readouterr().err


def test_two_arxiv_ids_are_merged_only_by_force_and_split_again(capsys):
    fill(a_record(1), a_record(2))
    pair = ["arxiv:2604.00001", "arxiv:2604.00002"]
    assert run([*NOW, "papers", "merge", *pair]) == 2
    assert run([*NOW, "papers", "merge", *pair, "--force", "--json"]) == 0
    merge_id = json.loads(capsys.readouterr().out)["merge_id"]
    assert run([*NOW, "papers", "show", pair[1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paper"]["key"] == pair[0]
    run([*NOW, "papers", "show", pair[1]])
    assert f"{pair[1]} into {pair[0]}  the owner said so" in capsys.readouterr().out
    assert run([*NOW, "papers", "split", str(merge_id)]) == 0
    assert run([*NOW, "papers", "split", str(merge_id)]) == 2
    assert "was taken apart already" in capsys.readouterr().err
    assert run([*NOW, "papers", "show", pair[1]]) == 0
