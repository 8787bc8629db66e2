import numpy as np
from scipy import sparse

from digest.ranking._making.__main__ import fit


def test_words_move_so_that_their_texts_are_where_the_model_has_them():
    chance = np.random.default_rng(3)
    bags = sparse.csr_array((chance.random((400, 30)) < 0.2).astype(np.float32))
    start = chance.normal(size=(30, 8)).astype(np.float32)
    true = start + chance.normal(size=(30, 8)).astype(np.float32)
    wanted = bags @ true
    weights = np.ones(400, dtype=np.float32)
    found = fit(start, bags, wanted, weights)
    before, after = np.abs(bags @ start - wanted).mean(), np.abs(bags @ found - wanted).mean()
    assert after < before / 10


def test_a_text_that_weighs_nothing_moves_nothing():
    bags = sparse.csr_array(np.eye(4, dtype=np.float32))
    start = np.ones((4, 2), dtype=np.float32)
    wanted = np.vstack([start[:2], 9 * start[2:]])
    found = fit(start, bags, wanted, np.array([1, 1, 0, 0], dtype=np.float32))
    assert np.allclose(found, start, atol=1e-5)
