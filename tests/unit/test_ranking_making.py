import json
import random

import numpy as np
import pytest
from scipy import sparse

from digest.ranking import background
from digest.ranking._making import __main__ as making
from digest.ranking._making.__main__ import fit
from digest.ranking.table import unpack


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


SUBJECTS = {
    "ice": ["glacier", "moraine", "snowfall", "crevasse", "meltwater", "firn"],
    "law": ["verdict", "tribunal", "plaintiff", "statute", "appeal", "jurist"],
}


def a_model(folder, words, width=32):
    """Write a sentence model of one layer, its words of one subject beside each other."""
    chance = np.random.default_rng(5)
    subject = {word: n for n, some in enumerate(SUBJECTS.values()) for word in some}
    middles = 2 * chance.normal(size=(len(SUBJECTS) + 1, width))
    rows = [chance.normal(size=width) + middles[subject.get(word, -1)] for word in words]
    square = {"weight": (width, width), "bias": (width,)}
    shapes = {
        f"encoder.layer.0.{name}.{kind}": shape
        for name in ("attention.self.query", "attention.self.key", "attention.self.value",
                     "attention.output.dense", "intermediate.dense", "output.dense")
        for kind, shape in square.items()
    }  # fmt: skip
    tensors = {name: 0.05 * chance.normal(size=shape) for name, shape in shapes.items()}
    tensors |= {
        "embeddings.word_embeddings.weight": np.array(rows),
        "embeddings.position_embeddings.weight": np.zeros((256, width)),
        "embeddings.token_type_embeddings.weight": np.zeros((2, width)),
    }
    for name in ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"):
        tensors[f"{name}.LayerNorm.weight"] = np.ones(width)
        tensors[f"{name}.LayerNorm.bias"] = np.zeros(width)
    head, content = {}, b""
    for name, values in tensors.items():
        stored = values.astype("<f4").tobytes()
        place = [len(content), len(content) + len(stored)]
        head[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": place}
        content += stored
    told = json.dumps(head).encode()
    (folder / "model.safetensors").write_bytes(len(told).to_bytes(8, "little") + told + content)
    shape = {"num_attention_heads": 2, "num_hidden_layers": 1, "hidden_size": width}
    (folder / "config.json").write_text(json.dumps(shape))
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizers = pytest.importorskip("tokenizers", reason="only who makes a table needs it")
    known = tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, words[0])
    tokenizer = tokenizers.Tokenizer(known)
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def a_paper_about(subject, chance):
    title, *sentences = (" ".join(chance.choices(SUBJECTS[subject], k=7)) for _ in range(4))
    return {"title": title, "abstract": " ".join(f"{s}." for s in sentences)}


def test_the_whole_script_makes_a_table_that_loads_and_ranks(tmp_path, monkeypatch):
    chance = random.Random(2)
    every = [word for some in SUBJECTS.values() for word in some]
    a_model(tmp_path, ["unknown", "pebble", *every])
    lines = [json.dumps(a_paper_about(s, chance)) for s in list(SUBJECTS) * 20]
    (tmp_path / "papers.jsonl").write_text("\n".join(lines))
    (tmp_path / "words.txt").write_text("glaciers 90000\npebble 5000000\nthe 99999999\n")
    (tmp_path / "data.noun").write_text(
        "  1 a line of the licence\n"
        '00001 03 n 02 firn 0 old_snow 0 000 @ | granular snowfall on a glacier; "grey firn"\n'
    )
    (tmp_path / "data.adj").write_text("")
    (tmp_path / "data.verb").write_text("")
    making.main([
        "--model", str(tmp_path), "--words", str(tmp_path / "words.txt"),
        "--papers", str(tmp_path / "papers.jsonl"), "--glosses", str(tmp_path),
        "--output", str(tmp_path / "words.npz"),
    ])  # fmt: skip
    with np.load(tmp_path / "words.npz") as stored:
        table = unpack({name: stored[name] for name in stored.files})
    assert {"glacier", "pebble", "firn", "jurist"} <= table.position.keys()
    assert "the" not in table.position
    assert table.rarity[table.position["pebble"]] > table.rarity[table.position["glacier"]]
    monkeypatch.setattr(background, "shipped", lambda: table)
    background.unlearned.cache_clear()
    try:
        liked, near, away = background.unlearned().encode(
            ["Glacier and moraine", "Meltwater in a crevasse", "The verdict of a tribunal"]
        )
    finally:
        background.unlearned.cache_clear()
    assert liked @ near > 0.5 > liked @ away
