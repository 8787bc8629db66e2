"""Likeness means the same whatever a store is full of: it is measured by papers of all fields."""

import json
import random

import numpy as np
import pytest
from builders import NOON, an_interest
from test_ranking_default import papers_titled

from digest.ranking import Candidates
from digest.ranking._making import broad
from digest.ranking._making.broad import SHARES, field_of, weights
from digest.ranking.background import learn, unlearned
from digest.ranking.interests import score
from digest.ranking.table import shipped
from digest.ranking.tastes import Taste
from digest.ranking.window import Window

LEARNING = (
    "transformer language model pretraining reasoning tokens attention", "image diffusion sampling",
    "reinforcement learning policy reward agents", "graph neural network message passing nodes",
    "quantization of weights for fast inference", "contrastive representation learning of images",
    "federated optimization convergence gradients", "speech recognition encoder decoder",
)  # fmt: skip
BIOLOGY = (
    "Seed dispersal by frugivorous birds in montane forest",
    "Antibiotic resistance of hospital bacteria in wastewater",
    "Sleep disturbance and blood pressure in older adults",
    "Malaria vector control with treated nets in rural villages",
    "Soil fungi and the growth of maize under drought",
    "Feeding behaviour of reef fish at warm sites",
)
CELLS = (
    "Transcriptomes of single cells reveal immune cell states",
    "Gene expression of individual cells across tissues by RNA sequencing",
)


def of_learning(count, start):
    chance = random.Random(count)
    titles = [" ".join(chance.sample(" ".join(LEARNING).split(), 7)) for _ in range(count)]
    texts = [" ".join(chance.choices(" ".join(LEARNING).split(), k=60)) for _ in range(count)]
    return tuple(
        paper
        for n, (title, text) in enumerate(zip(titles, texts, strict=True))
        for paper in papers_titled(title, start=start + n, abstract=text)
    )


def strengths(background, *interest, text=""):
    papers = (*papers_titled(*BIOLOGY, *CELLS, start=1), *of_learning(60, 100))
    window = Window(
        Candidates(papers=papers, window_start_at=NOON, window_end_at=NOON), NOON, background
    )
    taste = Taste(interest=an_interest("cells", *interest, text=text))
    found = 1 - score(window, [taste]).apart[0]
    at = window.position_of
    return [np.array([found[at[n]] for n in some]) for some in (range(1, 7), range(7, 9))]


@pytest.mark.parametrize("said", ["single-cell", "single-cell sequencing of immune cells"])
@pytest.mark.parametrize("store", ["fresh", "of machine learning"])
def test_biology_at_large_is_not_near_to_single_cells(said, store):
    background = unlearned() if store == "fresh" else learn(of_learning(400, 1000))
    others, cells = strengths(background, text=said)
    assert others.max() < 0.15
    assert cells.min() > others.max()


def test_a_score_hardly_depends_on_how_much_of_another_field_a_store_holds():
    _, few = strengths(learn(of_learning(50, 1000)), text="single-cell RNA sequencing")
    _, many = strengths(learn(of_learning(800, 1000)), text="single-cell RNA sequencing")
    assert np.abs(few - many).max() < 0.2


def test_the_script_makes_moments_of_the_shape_that_is_shipped(tmp_path):
    lines = [
        json.dumps({"field": field, "title": title, "abstract": f"{title} and more."})
        for field, titles in (("biomedicine", BIOLOGY), ("q-bio.GN", CELLS), ("cs.LG", LEARNING))
        for title in titles
    ]
    (tmp_path / "papers.jsonl").write_text("\n".join(lines))
    broad.main(["--papers", str(tmp_path / "papers.jsonl"), "--output", str(tmp_path / "b.npz")])
    with np.load(tmp_path / "b.npz") as stored:
        made = stored["gram"].astype(np.float32)
    assert made.shape == shipped().broad.shape
    for gram in (made, shipped().broad):
        assert np.trace(gram) == pytest.approx(1, abs=0.02)
        assert np.linalg.eigvalsh(gram).min() > -0.01


def test_each_field_counts_by_its_share_however_many_papers_it_has():
    fields = [field_of(name) for name in ("q-bio.GN", "cs.LG", "cs.CL", "cs.RO", "hep-th")]
    found = weights(fields)
    assert found.sum() == pytest.approx(1)
    assert found[0] / found[1:4].sum() == pytest.approx(SHARES["biomedicine"] / SHARES["computing"])
