"""Papers are scored by words and meaning, each by itself, whatever else is stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ranking.retrieval import query as queries
from digest.ranking.retrieval.contents import Facts, contents, read
from digest.ranking.retrieval.index import MOST_POSTINGS, build, empty
from digest.ranking.retrieval.neighbours import neighbours
from digest.ranking.retrieval.spelling import meant
from digest.ranking.retrieval.terms import terms
from digest.ranking.table import shipped

TITLES = (
    "Flow matching for protein backbone design",
    "Robotic manipulation of garments and cloth",
    "Energy efficient sensor fusion on field-programmable gate arrays",
    "A survey of fuzzing for deep learning compilers",
    "Neural machine translation for low-resource languages",
    "Segmentation of tumours in magnetic resonance images",
    "Regret bounds for contextual bandits",
)
UNRELATED = tuple(f"{word} of medieval trade routes" for word in ("Maps", "Coins", "Letters"))
KEPT = dict(enumerate(contents([Facts(title=t, text="") for t in (*TITLES, *UNRELATED)]), 1))


def index_of(*ids):
    return build((n, KEPT[n]) for n in ids)


ALL = index_of(*KEPT)


def scored(index, text):
    found = queries.scores(index, queries.understand(index, text.split()))
    return dict(zip(index.ids.tolist(), found.tolist(), strict=True))


def best(index, text):
    found = scored(index, text)
    return max(found, key=found.__getitem__) if max(found.values(), default=0) > 0 else None


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("ironing shirts with robots", 2),
        ("low power FPGA", 3),
        ("finding bugs in neural network compilers", 4),
        ("cancer MRI", 6),
        ("translating rare tongues", 5),
        ("explore and exploit", 7),
    ],
)
def test_other_words_for_it_find_the_paper(text, right):
    assert best(ALL, text) == right


@given(st.permutations(sorted(KEPT)), st.integers(0, len(KEPT)))
@settings(deadline=None, max_examples=25)
def test_a_score_does_not_depend_on_what_else_is_stored(order, cut):
    text = "protein design with flows"
    whole = index_of(*order)
    grown = index_of(*order[:cut]).updated({n: KEPT[n] for n in order[cut:]})
    assert scored(whole, text) == pytest.approx(scored(ALL, text), abs=1e-6)
    assert scored(grown, text) == pytest.approx(scored(ALL, text), abs=1e-6)
    part = index_of(*order[:cut])
    expected = {n: score for n, score in scored(ALL, text).items() if n in order[:cut]}
    assert scored(part, text) == pytest.approx(expected, abs=1e-6)


def test_a_paper_is_replaced_and_removed():
    (other,) = contents([Facts(title="Kites over the harbour", text="")])
    changed = ALL.updated({2: other}, removed=[3])
    assert sorted(changed.ids.tolist()) == [n for n in sorted(KEPT) if n != 3]
    assert best(changed, "kites") == 2
    assert changed.count("garment") == 0
    assert ALL.count("garment") == 1


def test_kept_bytes_are_read_as_they_were_written():
    fact = Facts(
        title="Zebras", text="A zebra in cs.LG", authors=["Zoë Müller"], categories=["cs.LG"]
    )
    (kept,) = contents([fact])
    content = read(kept)
    assert set(content.others) >= {"@zoe", "@muller", "#cs.lg"}
    assert len(content.weights) == len(content.shipped) + len(content.others)
    length = np.linalg.norm(content.levels.astype(float) * content.scale)
    assert length == pytest.approx(1, abs=0.01)


@given(st.text(max_size=200), st.text(max_size=200))
@settings(deadline=None, max_examples=40)
def test_every_text_is_indexed_and_asked_for(title, text):
    index = build(enumerate(contents([Facts(title=title, text=text, authors=[title])]), 1))
    found = queries.scores(index, queries.understand(index, text.split()))
    assert found.shape == (1,)
    assert np.isfinite(found).all()


def test_authors_and_categories_are_found_by_name_only():
    facts = [
        Facts(title="Old and young stars", text="", authors=["Ada King"], categories=["cs.RO"]),
        Facts(title="Queens of chess", text="", authors=["Bo Young"], categories=["cs.LG"]),
    ]
    index = build(enumerate(contents(facts), 1))
    assert scored(index, "queen")[2] > scored(index, "queen")[1]
    assert best(index, "Ada King") == 1
    assert best(index, "cs.LG") == 2


@pytest.mark.parametrize(
    ("typed", "right"), [("深度学习", 1), ("ディープ", 2), ("Poincare", 3), ("POINCARÉ", 3)]
)
def test_unspaced_scripts_and_accents(typed, right):
    titles = ["关于深度学习的综述", "ディープニューラルネットワーク", "Poincaré maps"]
    index = build(enumerate(contents([Facts(title=t, text="") for t in titles]), 1))
    assert best(index, typed) == right


def test_compounds_are_found_with_and_without_hyphen():
    index = build(enumerate(contents([Facts(title="Pre-training", text="")]), 1))
    assert best(index, "pretraining") == best(index, "pre-training") == 1


@pytest.mark.parametrize(
    ("typed", "right"),
    [("fuzing", "fuzzing"), ("garmnets", "garment"), ("backbonedesign", "backbone design")],
)
def test_a_word_that_nobody_wrote_is_read_as_it_was_meant(typed, right):
    reading = queries.understand(ALL, [typed])
    assert reading.corrections == ((typed, right),)


def test_a_word_that_is_written_is_never_corrected():
    assert meant("ab", lambda _: 1, list) == ()
    assert meant("zqxvkjwz", lambda _: 0, list) == ()
    (kept,) = contents([Facts(title="Fuzing explained", text="")])
    index = ALL.updated({99: kept})
    assert queries.understand(index, ["fuzing"]).corrections == ()


def test_a_rare_word_decides_over_common_ones():
    facts = [Facts(title="Deep learning models for LeadingOnes", text="")]
    facts += [Facts(title="Deep learning models for images", text="")] * 5
    index = build(enumerate(contents(facts), 1))
    assert best(index, "learning models leadingones") == 1


def test_nearest_words_are_remembered_and_the_word_is_not_its_own():
    first = neighbours().of(["robot", "zzqxvvkq"])
    assert first == neighbours().of(["robot", "zzqxvvkq"])
    assert first["zzqxvvkq"] == ()
    assert shipped().position["robot"] not in {place for place, _ in first["robot"]}
    assert [near for _, near in first["robot"]] == sorted(
        (near for _, near in first["robot"]), reverse=True
    )


def test_the_work_for_a_query_is_bounded():
    reading = queries.understand(ALL, [f"word{n}" for n in range(500)])
    assert len(reading.wanted) <= queries.MOST_TERMS
    assert MOST_POSTINGS * queries.MOST_TERMS < 5_000_001
    assert len(queries.scores(empty(), reading)) == 0


def test_terms_are_folded_words():
    assert terms("Graph Neural Networks, 2024: the 3D case") == [
        "graph", "neural", "network", "2024", "3d", "case",
    ]  # fmt: skip


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3), st.text(), st.text())
@settings(deadline=None)
def test_whatever_a_paper_holds_its_kept_bytes_are_read_whole(authors, categories, title, text):
    for separator in ("", "\n", "a\nb", "\ud800"):
        paper = Facts(
            title=title, text=text, authors=[*authors, separator],
            categories=[*categories, f"cs{separator}LG"],
        )  # fmt: skip
        found = read(contents([paper])[0])
        assert len(found.weights) == len(found.shipped) + len(found.others)
