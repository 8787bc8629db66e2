"""Every reason is true of its paper, and its strongest part comes first."""

import random
import re
from datetime import timedelta

import pytest
from builders import NOON, a_paper, a_profile, an_interest

from digest.model import Author, Observation, Term
from digest.ranking import Candidates, Reader
from digest.ranking.default import ranker
from digest.ranking.popularity import since_words
from digest.ranking.terms import TermIndex
from digest.rendering.views import CardOptions, paper_view

TOPICS = {
    "agents": "agent tool use planning environment web agents language model agents",
    "kernel fusion": "gpu kernel fusion compiler tiling memory bandwidth kernels fused inference",
    "single-cell": "single-cell rna sequencing gene expression cell types atlas transcriptome",
    "soil": "soil bacteria drought nitrogen root field rain crop microbial community",
    "stars": "variable stars photometry cluster light curves telescope survey galaxies",
}
PEOPLE = ("Ada Lovelace", "A. Lovelace", "Alan Turing", "Grace Hopper", "Kurt Goedel")
CATEGORIES = ("cs.LG", "cs.DC", "q-bio.GN", "astro-ph.SR")
KINDS = ("hf_upvotes", "hf_comments", "github_stars", "hn_points", "hn_comments", "citations")


def text(chance, topic, count):
    words = TOPICS[topic].split()
    return " ".join(chance.choice(words) for _ in range(count)).capitalize()


def a_window(seed, *, days=3):
    """Papers of five topics, some of them popular, some from before the window."""
    chance = random.Random(seed)
    papers, observations, late = [], {}, set()
    for number in range(1, 61):
        topic = chance.choice(list(TOPICS))
        age = timedelta(hours=chance.uniform(1, 24 * days))
        if chance.random() < 0.1:
            age += timedelta(days=9)
            late.add(number)
        seen_at = NOON - age
        papers.append(
            a_paper(
                number,
                title=text(chance, topic, 7) + f" {number}",
                abstract=text(chance, topic, 40),
                authors=(Author(name=chance.choice(PEOPLE)),),
                categories=(chance.choice(CATEGORIES),),
                first_seen_at=seen_at,
                announced_on=seen_at.date(),
            )
        )
        if chance.random() < 0.4 or number in late:
            hours = sorted(chance.uniform(0, age / timedelta(hours=1)) for _ in range(3))[::-1]
            values = sorted(chance.choice((0, 1, 2, 9, 40, 400)) for _ in hours)
            observations[number] = tuple(
                Observation(kind=kind, observed_at=NOON - timedelta(hours=hour), value=float(value))
                for kind in chance.sample(KINDS, 2)
                for hour, value in zip(hours, values, strict=True)
            )
    return Candidates(
        papers=tuple(papers),
        observations=observations,
        late_ids=frozenset(late),
        window_start_at=NOON - timedelta(days=days),
        window_end_at=NOON,
    )


LIKED = {
    paper.key: paper
    for paper in (
        a_paper(900, title="Planning of web agents", abstract=TOPICS["agents"]),
        a_paper(901, title="Fusing kernels on a GPU", abstract=TOPICS["kernel fusion"]),
    )
}
INTERESTS = (
    an_interest("agents at work", "agents", "tool use", liked=tuple(LIKED)[:1]),
    an_interest("efficient inference", "kernel fusion", liked=tuple(LIKED)[1:]),
    an_interest("her", authors=("Ada Lovelace",)),
    an_interest("genes", categories=("q-bio",), text="gene expression of single cells"),
)


def picks_of(seed, *interests, seen_since=None, **changes):
    window = a_window(seed)
    profile = a_profile(**({"interests": interests, "max_papers": 20, "min_score": 0.0} | changes))
    reader = Reader(subscription_id=1, profile=profile, known_papers=LIKED, seen_since=seen_since)
    (choice,) = ranker({}).rank(window, [reader], now=NOON, seed=seed)
    by_id = {paper.row_id: paper for paper in window.papers}
    return [(pick, by_id[pick.paper_id], window) for pick in choice.picks]


CASES = [
    (seed, interests, weight, since)
    for seed in range(6)
    for interests in (INTERESTS, INTERESTS[:1], INTERESTS[3:], ())
    for weight in (0.0, 0.3, 0.9)
    for since in (None, NOON - timedelta(hours=20))
]
each_case = pytest.mark.parametrize(("seed", "interests", "weight", "since"), CASES)


def told(seed, interests, weight, since):
    return picks_of(seed, *interests, seen_since=since, trending_weight=weight, exploration=0.2)


NUMBER = {
    "upvote": "hf_upvotes", "GitHub star": "github_stars", "comment": "hf_comments",
    "point on Hacker News": "hn_points", "comment on Hacker News": "hn_comments",
    "citation": "citations",
}  # fmt: skip
COUNTED = re.compile(
    r"(\d+) (more )?(upvote|GitHub star|comment on Hacker News|comment|point on Hacker News"
    r"|citation)s?( on Hacker News)?"
)


@each_case
def test_every_word_and_number_is_true_of_the_paper(seed, interests, weight, since):
    for pick, paper, window in told(seed, interests, weight, since):
        reason = pick.reason
        assert reason[0].isupper()
        for term in re.findall(r'entions (?:"([^"]+)")', reason):
            assert TermIndex([paper]).find(Term(text=term)), (term, paper)
        for name in re.findall(r'(?:lose|related) to your "([^"]+)"', reason):
            assert name in {interest.name for interest in interests}
        for title in re.findall(r"imilar to (.+?)(?:, which| and \d)", reason):
            assert title in {liked.title for liked in LIKED.values()}
        if found := re.search(r"[Bb]y (.+?), (perhaps )?whom", reason):
            assert found[1] in {author.name for author in paper.authors}
        if found := re.search(r"[Ii]n (\S+), which you follow", reason):
            assert found[1] in paper.categories
        series = window.observations.get(paper.row_id, ())
        for count, more, noun, where in COUNTED.findall(reason):
            kind = NUMBER[noun + (where if not noun.endswith("News") else "")]
            values = [one.value for one in series if one.kind == kind]
            possible = {values[-1] - value for value in values} if more else {values[-1]}
            assert float(count) in possible, reason
        if found := re.search(r"first seen (\d+) days? ago", reason):
            assert int(found[1]) == (NOON.date() - paper.first_seen_at.date()).days


@each_case
def test_the_strongest_part_comes_first(seed, interests, weight, since):
    begins = {
        "terms": "Mentions", "authors": ("By", "Perhaps"), "categories": "In ",
        "likeness": ("Similar to", "Close to", "Loosely"),
    }  # fmt: skip
    for pick, _, window in told(seed, interests, weight, since):
        parts = {name: pick.parts.get(name, 0.0) for name in begins}
        best = max(parts, key=lambda name: parts[name])
        others = sorted(parts.values())[-2]
        is_clear = parts[best] >= 0.5 and parts[best] - others > 0.01
        leads = weight * pick.trend_score < (1 - weight) * pick.interest_score
        is_claimed = pick.section not in ("exploration", "trending")
        if is_clear and leads and is_claimed and pick.paper_id not in window.late_ids:
            assert pick.reason.startswith(begins[best]), (pick.reason, parts)


@each_case
def test_a_popular_paper_off_topic_is_called_popular_by_its_strongest_counts(
    seed, interests, weight, since
):
    for pick, _, window in told(seed, interests, weight, since):
        series = window.observations.get(pick.paper_id, ())
        latest = {one.kind: one.value for one in series}
        is_voted = latest.get("hf_upvotes", 0) >= 9
        if pick.section == "trending" and is_voted and pick.paper_id not in window.late_ids:
            assert f"{latest['hf_upvotes']:.0f} upvotes" in pick.reason.partition(";")[0]


@each_case
def test_no_reason_says_what_another_line_of_the_card_says(seed, interests, weight, since):
    for pick, paper, _ in told(seed, interests, weight, since):
        card = paper_view(paper, {}, CardOptions())
        lines = {card.title, card.authors, card.categories, card.note, card.date, pick.section}
        assert not {fact.casefold() for fact in pick.reason.split("; ")} & {
            line.casefold() for line in lines
        }


def test_comments_do_not_stand_for_votes_and_stars():
    window = Candidates(
        papers=(a_paper(1, title="Trade routes"), a_paper(2, title="Bond markets")),
        observations={
            1: tuple(
                Observation(kind=kind, observed_at=NOON - timedelta(hours=2), value=value)
                for kind, value in (
                    ("hf_comments", 5.0), ("hf_upvotes", 61.0), ("github_stars", 264.0),
                )
            )
        },
        window_start_at=NOON - timedelta(days=1),
        window_end_at=NOON,
    )  # fmt: skip
    reader = Reader(subscription_id=1, profile=a_profile(interests=()))
    (choice,) = ranker({}).rank(window, [reader], now=NOON, seed=1)
    assert choice.picks[0].reason == "Popular: 61 upvotes and 264 GitHub stars"


@pytest.mark.parametrize(
    ("hours", "words"),
    [(30, "since yesterday"), (72, "since April 11"), (3, "since this")],
)
def test_a_span_of_time_is_told_as_it_passed(hours, words):
    now = NOON.replace(hour=12)
    assert since_words(now - timedelta(hours=hours), now).startswith(words)
