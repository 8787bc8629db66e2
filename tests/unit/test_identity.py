"""Which paper a record speaks of: every rule of identity as a line of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON, a_record

from digest.model import Author
from digest.papers.identity import (
    Known,
    best_key,
    is_preprint,
    is_published,
    may_merge,
    resolve,
    surname,
    traits_of,
)

TITLE = "Careful studies of many interesting things"
OTHER = "A wholly different title of quite another work"


def a_known(*ids, ref=1, claimed=(), **changes):
    values = {
        "ref": ref,
        "ids": dict.fromkeys(ids, "") | dict.fromkeys(claimed, "s2"),
        "title": TITLE,
        "first_author": "Ada Lovelace",
        "year": 2026,
        "first_seen_at": NOON + timedelta(hours=ref),
    }
    return Known(**(values | changes))


def said(**changes):
    values = {"key": "feed:blog/1", "native_id": "1", "source": "blog", "title": TITLE}
    return a_record(**(values | changes))


def decided(record, *known):
    owners = {
        key: one
        for key in (record.key, *record.ids, *record.asserted_ids)
        for one in known
        if key in one.ids
    }
    traits = traits_of(record)
    similar = [one for one in known if one.traits.title_key == traits.title_key]
    return resolve(record, traits, owners, similar if traits.is_distinctive else [])


def test_nothing_known_is_a_new_paper():
    assert decided(said()).paper is None


@pytest.mark.parametrize("title", [TITLE, OTHER])
def test_the_same_strong_id_is_the_same_paper_whatever_its_title(title):
    known = a_known("arxiv:2604.00001")
    assert decided(said(key="arxiv:2604.00001", title=title), known).paper is known


@pytest.mark.parametrize(
    ("changes", "is_believed"),
    [
        ({"title": TITLE.upper() + "."}, True),
        ({"title": "Careful studies of many curious things"}, True),  # five of seven words
        ({"title": "Careful studies of many curious things", "authors": ()}, False),
        ({"title": "Careful studies of many curious things",
          "authors": (Author(name="Grace Hopper"),)}, False),
        ({"title": OTHER}, False),
    ],
)  # fmt: skip
def test_a_claimed_id_is_believed_if_title_and_first_author_fit(changes, is_believed):
    known = a_known("arxiv:2604.00001")
    record = said(key="s2:9", asserted_ids=("arxiv:2604.00001",), **changes)
    decision = decided(record, known)
    assert decision.paper is (known if is_believed else None)
    assert decision.maybe_same == (() if is_believed else (known,))
    assert decision.withheld == (() if is_believed else ("arxiv:2604.00001",))


def test_who_owns_an_id_takes_it_from_who_only_claimed_it():
    wrong = a_known("s2:9", claimed=["arxiv:2604.00001"])
    decision = decided(said(key="arxiv:2604.00001", title=OTHER), wrong)
    assert (decision.paper, decision.seized) == (None, ("arxiv:2604.00001",))


def test_a_claim_that_fits_makes_one_paper_of_two_and_the_older_stays():
    older, younger = a_known("s2:9", ref=2), a_known("doi:10.1000/x", ref=7)
    record = said(key="openalex:W1", asserted_ids=("doi:10.1000/x", "s2:9"))
    decision = decided(record, younger, older)
    assert (decision.paper, decision.absorbed) == (older, (younger,))


@pytest.mark.parametrize("scheme", ["arxiv", "pmid", "openreview"])
def test_papers_with_two_ids_of_one_exclusive_scheme_are_never_merged(scheme):
    one, other = a_known(f"{scheme}:1"), a_known(f"{scheme}:2", ref=2)
    record = said(key="s2:9", asserted_ids=(f"{scheme}:1", f"{scheme}:2"))
    decision = decided(record, one, other)
    assert (decision.paper, decision.absorbed, decision.maybe_same) == (one, (), (other,))
    assert scheme in may_merge(one, other)


def test_two_dois_of_one_work_are_usual_and_no_obstacle():
    preprint, journal = a_known("doi:10.1101/2026.1"), a_known("doi:10.1000/x", ref=2)
    record = said(key="s2:9", asserted_ids=("doi:10.1101/2026.1", "doi:10.1000/x"))
    assert decided(record, preprint, journal).absorbed == (journal,)
    assert may_merge(preprint, journal) == ""


def test_a_wrong_mapping_does_not_chain_papers_of_other_titles():
    right, victim = a_known("s2:9"), a_known("arxiv:2604.00002", ref=2, title=OTHER)
    decision = decided(said(key="s2:9", asserted_ids=("arxiv:2604.00002",)), right, victim)
    assert (decision.paper, decision.absorbed, decision.maybe_same) == (right, (), (victim,))


def test_what_the_owner_split_stays_apart():
    one = a_known("s2:9", different=frozenset({2}))
    other = a_known("doi:10.1000/x", ref=2)
    decision = decided(said(key="s2:9", ids=("doi:10.1000/x",)), one, other)
    assert (decision.absorbed, decision.maybe_same) == ((), (other,))


def test_without_a_common_id_title_author_and_year_say_the_same_paper():
    known = a_known("s2:9")
    assert decided(said(title=r"Careful studies of \emph{many} interesting <i>things</i>"),
                   known).paper is known  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"authors": (Author(name="Grace Hopper"),)},
        {"authors": ()},
        {"published_at": NOON - timedelta(days=800)},
        {"title": f"{TITLE}, part II"},
        {"title": f"Reply to: {TITLE}"},
    ],
)
def test_a_title_alone_is_not_enough(changes):
    assert decided(said(**changes), a_known("s2:9", year=2026)).paper is None


@pytest.mark.parametrize(
    "title", ["Editorial", "A reply to a letter", "Internationalisation methodologies"]
)
def test_a_short_title_recognises_nothing(title):
    assert decided(said(title=title), a_known("s2:9", title=title)).paper is None


def test_the_turn_of_a_year_does_not_part_a_paper():
    known = a_known("s2:9", year=2025)
    assert decided(said(), known).paper is known


@pytest.mark.parametrize(
    ("key", "theirs"),
    [
        ("arxiv:2604.00002", "arxiv:2604.00001"),
        ("pmid:2", "pmid:1"),
        ("doi:10.1000/y", "doi:10.1000/x"),
        ("rxiv:658153", "rxiv:658154"),
    ],
)
def test_the_same_title_with_another_id_of_the_scheme_is_linked_only(key, theirs):
    known = a_known(theirs)
    decision = decided(said(key=key), known)
    assert (decision.paper, decision.maybe_same) == (None, (known,))


def test_several_papers_of_one_title_are_linked_and_none_is_chosen():
    one, other = a_known("s2:8"), a_known("s2:9", ref=2)
    decision = decided(said(), one, other)
    assert decision.paper is None
    assert set(decision.maybe_same) == {one, other}


def test_preprint_and_journal_version_are_linked_in_either_order():
    preprint, journal = a_known("arxiv:2604.00001"), a_known("doi:10.1000/x", "pmid:5")
    later = decided(said(key="doi:10.1000/x"), preprint)
    earlier = decided(said(key="arxiv:2604.00001"), journal)
    assert (later.paper, later.published_from) == (None, (preprint,))
    assert (earlier.paper, earlier.preprint_of) == (None, (journal,))


@pytest.mark.parametrize(
    ("keys", "preprint", "published"),
    [
        (["arxiv:2604.00001"], True, False),
        (["doi:10.1101/658153"], True, False),
        (["doi:10.64898/2026.07.15.123456"], True, False),
        (["doi:10.7554/elife.00001"], False, True),
        (["pmid:1"], False, True),
        (["openalex:W1", "s2:9"], False, False),
    ],
)
def test_ids_tell_preprints_from_publications(keys, preprint, published):
    assert (is_preprint(keys), is_published(keys)) == (preprint, published)


def test_the_best_id_names_the_paper_and_a_claim_only_where_there_is_no_other():
    assert best_key({"s2:9": "", "doi:10.1/x": "", "arxiv:1": ""}) == "arxiv:1"
    assert best_key({"s2:9": "", "arxiv:1": "blog"}) == "s2:9"
    assert best_key({"arxiv:1": "blog"}) == "arxiv:1"


@pytest.mark.parametrize(
    "name", ["Ada Lovelace", "Lovelace, Ada", "A. LOVELACE", "Lovelace, A.", "Ada Lovelace, PhD"]
)
def test_a_surname_is_found_in_every_order_of_names(name):
    assert surname(name) == "lovelace"
