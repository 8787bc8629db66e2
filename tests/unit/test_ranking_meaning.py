from datetime import timedelta

import numpy as np
from builders import NOON, a_paper

from digest.model import Observation
from digest.ranking.background import learn, unlearned
from digest.ranking.promise import learn_promise
from digest.ranking.table import pack, shipped, unpack
from digest.ranking.trending import heats


def near(background, left, right):
    one, other = background.encode([left, right])
    return float(one @ other)


def test_texts_without_a_common_word_are_near_where_they_mean_the_same():
    known = unlearned()
    alike = near(known, "Tumour growth in mice", "Cancer of rodents")
    assert alike > near(known, "Tumour growth in mice", "Proofs of prime gaps") + 0.2


def test_what_no_table_knows_has_no_direction():
    (row,) = unlearned().encode(["qzxv wvvq"])
    assert not row.any()


def test_encoded_rows_have_length_one():
    rows = unlearned().encode(["Graph neural networks", "Sediments of rivers"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_new_name_is_learnt_from_the_papers_that_use_it():
    texts = [f"Zorblax speeds up attention kernels, part {n}" for n in range(6)]
    texts += [f"River sediments and floods, part {n}" for n in range(6)]
    learnt = learn([a_paper(n, title=text, abstract="") for n, text in enumerate(texts)])
    assert near(learnt, "zorblax", "attention kernels") > near(learnt, "zorblax", "floods") + 0.3
    assert not unlearned().encode(["zorblax"]).any()


def test_learning_does_not_depend_on_the_order_of_papers():
    papers = [a_paper(n, title=f"Floods of river {n}, studied by gauge") for n in range(8)]
    one, other = learn(papers), learn(papers[::-1])
    assert np.allclose(one.mean, other.mean, atol=1e-5)
    assert np.allclose(one.spectrum, other.spectrum, atol=1e-5)


def test_learning_from_nothing_is_what_the_package_knows():
    assert learn([]) is unlearned()


def test_a_packed_table_gives_its_vectors_back():
    vectors = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    words = [f"w{n}" for n in range(50)]
    stored = pack(words, vectors, np.linspace(0.5, 9, 50).astype(np.float32))
    table = unpack({**stored, "mean": np.zeros(16), "gram": np.eye(16)})
    found = table.rows(words)
    cosine = (found * vectors).sum(1) / np.linalg.norm(found, axis=1)
    assert (cosine / np.linalg.norm(vectors, axis=1)).min() > 0.97
    assert np.allclose(table.rarity, np.linspace(0.5, 9, 50), atol=0.04)


def test_the_shipped_table_is_small_and_knows_science():
    table = shipped()
    assert table.packed.nbytes < 12_000_000
    assert {"neural", "protein", "galaxy", "polymer", "quantum"} <= set(table.position)
    assert not table.rows(["qzxv"]).any()


def test_what_was_talked_of_promises_talk_and_no_reader_decides_it():
    titles = ["Language models that reason", "Soil bacteria under drought"]
    papers = [a_paper(n, title=f"{titles[n % 2]}, part {n}", abstract="") for n in range(200)]
    known = learn(papers)
    votes = [40.0 if n % 2 == 0 else 2.0 for n in range(200)]
    promise = learn_promise(known, papers, votes, [n // 10 for n in range(200)])
    new = [a_paper(1, title="A language model reasons"), a_paper(2, title="Drought and soil")]
    talked, silent = promise.of(known, new)
    assert talked > 0.3 > -0.3 > silent
    assert learn_promise(known, papers[:20], votes[:20], range(20)) is None


def test_a_promise_never_outweighs_votes():
    papers = [a_paper(1), a_paper(2)]
    votes = Observation(kind="hf_upvotes", observed_at=NOON - timedelta(hours=1), value=30.0)
    quiet, voted = heats(papers, {2: (votes,)}, NOON, promise=[5.0, -0.5])
    assert quiet.score <= 0.1 < voted.score
