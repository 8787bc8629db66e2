"""What readers of other digests complain of, each as a claim that holds here."""

from builders import a_paper, a_profile, an_interest
from test_ranking_default import FILLER, causes, choice, ids, papers_titled, votes

ABSTRACT = (
    "We fuse kernels of accelerators automatically. A planner searches schedules, a cost model "
    "ranks candidates, and generated code beats libraries on attention, convolution and sparse "
    "operators across several generations of hardware."
)


def fusion(**changes):
    return a_profile(interests=(an_interest("gpu", "kernel fusion", **changes),), exploration=0)


def test_the_same_text_under_two_keys_takes_one_place():
    twins = papers_titled("Automatic kernel fusion", "Automatic kernel fusion", abstract=ABSTRACT)
    other = papers_titled("Kernel fusion by hand", start=3)
    found = choice(twins + other, fusion(), explain=True)
    assert len(ids(found)) == 2
    assert 3 in ids(found)
    assert "diversity" in causes(found).values()


def test_a_new_version_of_a_shown_paper_is_not_news():
    papers = (a_paper(1, title="Kernel fusion", version=2, revisions=1), a_paper(2))
    found = choice(papers, fusion(), shown=frozenset({1}), explain=True)
    assert 1 not in ids(found)
    assert causes(found)[1] == "seen"


def test_ai_is_no_part_of_train():
    papers = papers_titled("How to train and maintain chains", "AI for the sciences")
    found = choice(papers, a_profile(interests=(an_interest("ai", "ai"),)), explain=True)
    assert ids(found)[:1] == [2]
    assert "terms" not in next(e.parts for e in found.exclusions if e.paper_id == 1)


def test_popularity_is_bounded_however_many_votes_there_are():
    papers = papers_titled("Kernel fusion of graphs", "Kernel fusion of loops", *FILLER)
    seen = {1: votes(1e9), 2: votes(5.0), 3: votes(1e12)}
    found = choice(papers, fusion(), observations=seen)
    assert set(ids(found)) == {1, 2}
    assert all(pick.score <= 1 for pick in found.picks)


def test_no_score_ends_up_with_another_paper():
    alone = {}
    papers = papers_titled("Kernel fusion", "Fusion of kernels in graphs", *FILLER)
    for pick in choice(papers, fusion()).picks:
        alone[pick.key] = pick.score
    turned = choice(papers[::-1], fusion())
    assert {pick.key: pick.score for pick in turned.picks} == alone
    assert all(pick.key == f"arxiv:2604.{pick.paper_id:05}" for pick in turned.picks)


def test_a_liked_paper_finds_what_means_the_same_in_other_words():
    known = {p.key: p for p in papers_titled("Tumour growth in mice", start=900)}
    papers = papers_titled(*FILLER, "Cancer progression in rodents")
    interest = an_interest("medicine", liked=tuple(known))
    found = choice(papers, a_profile(interests=(interest,)), known_papers=known)
    assert ids(found)[:1] == [9]
    assert '"medicine"' in found.picks[0].reason
