import pytest

from digest.actions.setup import read_import
from digest.actions.setup.imports import categories_in
from digest.errors import UsageError

ALERT = b"""From: Google Scholar Alerts <scholaralerts-noreply@google.com>
To: ada@example.org
Subject: "sparse attention" - new results
MIME-Version: 1.0
Content-Type: text/html; charset="utf-8"

<html><body><h3><span>[PDF]</span> <a class="gse_alrt_title"
href="https://scholar.google.com/scholar_url?url=https://arxiv.org/pdf/2604.01234&amp;hl=en&amp;sa=X">
Sparse <b>attention</b> for everybody</a></h3></body></html>
"""

AUTHOR_ALERT = ALERT.replace(b'"sparse attention" - new results', b"Ada Lovelace - new articles")

ENVIRONMENT = b"""ZOTERO_ID=1234567
ZOTERO_KEY=abcdef
ARXIV_QUERY="cs.CL+cs.LG+q-bio.BM"
RECEIVER=ada@example.org
"""

YAML = b"""zotero:
  user_id: ${oc.env:ZOTERO_ID}
source:
  arxiv:
    category: ["cs.RO", "cs.CV"]
email:
  receiver: grace@example.org
"""


def test_a_scholar_alert_gives_a_term_and_its_papers():
    found = read_import(ALERT, name="alert.eml")
    assert found.terms == ("sparse attention",)
    assert found.liked == ("arxiv:2604.01234",)
    assert "Sparse attention for everybody" in found.library


def test_an_author_alert_gives_an_author():
    found = read_import(AUTHOR_ALERT, name="alert.eml")
    assert (found.authors, found.terms) == (("Ada Lovelace",), ())


def test_an_mbox_of_alerts_is_read_whole():
    mbox = b"".join(b"From x@y Mon Apr 13 08:00:00 2026\n" + mail for mail in (ALERT, AUTHOR_ALERT))
    found = read_import(mbox, name="alerts.mbox")
    assert (found.authors, found.terms) == (("Ada Lovelace",), ("sparse attention",))


def test_a_mail_that_is_no_alert_is_refused():
    with pytest.raises(UsageError, match=r"hi\.eml: holds no Google Scholar alert"):
        read_import(b"From: a@example.org\nSubject: lunch\n\nnow?\n", name="hi.eml")


def test_settings_of_zotero_arxiv_daily_give_categories_and_library():
    found = read_import(ENVIRONMENT, name=".env")
    assert found.categories == ("cs.CL", "cs.LG", "q-bio.BM")
    assert (found.zotero_user, found.address) == ("1234567", "ada@example.org")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"MAX_PAPER_NUM=25\nSEND_EMPTY=False\n", (25, "skip")),
        (b"MAX_PAPER_NUM=-1\nSEND_EMPTY=1\n", (0, "")),
        (b"MAX_PAPER_NUM=99999\nSEND_EMPTY=true\n", (200, "note")),
        (b"", (0, "")),
    ],
)
def test_how_many_papers_it_was_to_send_and_whether_none_is_worth_a_mail(lines, expected):
    found = read_import(ENVIRONMENT + lines, name=".env")
    assert (found.max_papers, found.on_empty) == expected


def test_its_yaml_is_read_and_placeholders_are_not_values():
    found = read_import(YAML, name="custom.yaml")
    assert found.categories == ("cs.RO", "cs.CV")
    assert (found.zotero_user, found.address) == ("", "grace@example.org")


def test_an_arxiv_sanity_query_gives_categories():
    found = read_import(b"q = 'cat:cs.CV+OR+cat:cs.LG+OR+cat:stat.ML'\n", name="daemon.py")
    assert found.categories == ("cs.CV", "cs.LG", "stat.ML")


def test_host_names_are_not_categories():
    assert categories_in("see example.com and math.CO, not stats.org") == ("math.CO",)


def test_a_library_becomes_a_library():
    found = read_import(b"@article{a, title={On things}, eprint={2401.01234}}", name="my.bib")
    assert (found.papers, found.liked) == (1, ("arxiv:2401.01234",))


def test_rubbish_is_refused_by_name():
    with pytest.raises(UsageError, match="photo"):
        read_import(b"\xff\xd8\xff\xe0", name="photo.jpg")
