"""Distil the shipped word table from a sentence model, a word list and some texts.

1. The vocabulary: a word list with counts, words that two of the papers hold, and the model's own.
2. Each word alone is encoded by the model: the start.
3. Ridge regression (conjugate gradients) moves the words so that the weighted mean of a text's
   words is the model's vector of the text: for the papers' abstracts, their sentences, and, at a
   quarter of the weight, the glosses of a dictionary (WordNet's ``data.*`` files).
4. The main directions are kept, at 4 bits a number; mean and second moments of the papers go along.

    python -m digest.ranking._making --model FOLDER --words frequencies.txt
        --papers papers.jsonl --glosses /usr/share/wordnet --output digest/ranking/data/words.npz

Some minutes on one processor for each 50,000 texts. What the shipped table was made from stands
in ``digest/ranking/data/NOTICE.txt``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from digest.ranking import background
from digest.ranking._making.sentences import Floats, SentenceModel
from digest.ranking.space import unit_rows
from digest.ranking.table import pack, unpack
from digest.ranking.words import STOP_WORDS, content_words, words

WIDTH = 256
GLOSS_WEIGHT = 0.25
ROUNDS = 15
BOOK_TOKENS = 5e11
PAPER_TOKENS = 150
SENTENCES_OF_A_PAPER = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a table; ``arguments`` are the command line's where none are given."""
    parser = argparse.ArgumentParser(prog="python -m digest.ranking._making", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the sentence model")
    parser.add_argument("--words", type=Path, required=True, help="lines of: word count")
    parser.add_argument("--papers", type=Path, required=True, help="JSON lines: title, abstract")
    parser.add_argument("--glosses", type=Path, help="folder with WordNet's data.* files")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    model = SentenceModel(given.model)
    papers = [json.loads(line) for line in given.papers.read_text("utf-8").splitlines()]
    abstracts = [f"{paper['title']}. {paper['abstract']}" for paper in papers]
    sentences = [text for paper in papers for text in _sentences(paper)]
    glosses = list(_glosses(given.glosses)) if given.glosses else []
    vocabulary, rarity = _vocabulary(given.words, abstracts, given.model / "vocab.txt")
    sys.stderr.write(f"{len(vocabulary)} words, {len(abstracts)} papers, {len(glosses)} glosses\n")
    start = model.encode(vocabulary)
    texts = [abstracts, sentences, glosses]
    wanted = [_centred(model.encode(some)) for some in texts if some]
    weights = np.concatenate([
        np.full(len(some), weight, dtype=np.float32)
        for some, weight in zip(texts, (1.0, 1.0, GLOSS_WEIGHT), strict=True)
    ])  # fmt: skip
    bags = _bags([text for some in texts for text in some], vocabulary, rarity)
    fitted = fit(_centred(start), bags, np.concatenate(wanted), weights)
    vectors = np.asarray(fitted @ _main_directions(fitted * rarity[:, None]), dtype=np.float32)
    np.savez(given.output, allow_pickle=False, **_whole(vocabulary, vectors, rarity, abstracts))


def _main_directions(rows: Floats) -> Floats:
    """Return the directions (columns) that most of the rows' lengths lie along, the first ones."""
    _, directions = np.linalg.eigh(rows.T @ rows)
    return np.asarray(directions[:, ::-1][:, :WIDTH], dtype=np.float32)


def fit(start: Floats, bags: sparse.csr_array, wanted: Floats, weights: Floats) -> Floats:
    """Return the words' vectors moved so that ``bags @ vectors`` comes near ``wanted``.

    Least squares with weights, ridge 1 around the (scaled) start, by conjugate gradients.
    """
    root = np.sqrt(weights)
    rows = sparse.csr_array(sparse.diags_array(root) @ bags)
    wanted = wanted * root[:, None]
    first = rows @ start
    scale = float((first * wanted).sum() / (first * first).sum())
    moved = np.zeros_like(start)
    residual = rows.T @ (wanted - scale * first)
    direction, size = residual.copy(), (residual * residual).sum(axis=0)
    for _ in range(ROUNDS):
        image = rows.T @ (rows @ direction) + direction
        step = size / ((direction * image).sum(axis=0) + 1e-12)
        moved += step * direction
        residual -= step * image
        left = (residual * residual).sum(axis=0)
        direction = residual + (left / (size + 1e-12)) * direction
        size = left
    return np.asarray(scale * start + moved, dtype=np.float32)


def _vocabulary(listed: Path, abstracts: Sequence[str], pieces: Path) -> tuple[list[str], Floats]:
    """Return the words and how rare each is: half as in books, half as in papers."""
    books: Counter[str] = Counter()
    for line in listed.read_text("utf-8-sig").splitlines():
        word, _, count = line.rpartition(" ")
        for part in words(word):
            books[part] += int(count)
    held = Counter(word for text in abstracts for word in set(words(text)))
    whole = [line for line in pieces.read_text("utf-8").splitlines() if line.isalpha()]
    known = dict.fromkeys(books)
    known |= dict.fromkeys(word for word, count in held.items() if count > 1)
    known |= dict.fromkeys(word for line in whole for word in words(line))
    found = [w for w in known if w not in STOP_WORDS and len(w) > 1 and not w.isdigit()]
    in_books = np.array([books[w] for w in found]) * PAPER_TOKENS / BOOK_TOKENS
    in_papers = np.array([held[w] for w in found]) / len(abstracts)
    share = 0.5 * (1 - np.exp(-in_books)) + 0.5 * in_papers
    rarity = np.log(3001 / (3000 * share + 0.5))
    return found, np.clip(rarity, 0.3, 9).astype(np.float32)


def _bags(texts: Sequence[str], vocabulary: Sequence[str], rarity: Floats) -> sparse.csr_array:
    """Return unit rows: which words a text holds, rare ones weighing more."""
    place = {word: n for n, word in enumerate(vocabulary)}
    indptr, columns = [0], list[int]()
    for text in texts:
        held = dict.fromkeys(content_words(text))
        columns.extend(place[word] for word in held if word in place)
        indptr.append(len(columns))
    shape = (len(texts), len(vocabulary))
    return unit_rows(sparse.csr_array((rarity[columns], columns, indptr), shape=shape))


def _whole(
    vocabulary: Sequence[str], vectors: Floats, rarity: Floats, abstracts: Sequence[str]
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the file's arrays, the statistics as the packed words give them."""
    packed = pack(vocabulary, vectors, rarity)
    nothing = {
        "mean": np.zeros(WIDTH),
        **dict.fromkeys(("gram", "broad"), np.zeros((WIDTH, WIDTH))),
    }
    mean, gram = background.moments(unpack({**packed, **nothing}), abstracts)
    return {**packed, "mean": mean, "gram": gram}


def _sentences(paper: dict[str, str]) -> Iterator[str]:
    """Yield the title and the first sentences that say something."""
    told = [s for s in re.split(r"(?<=[.!?])\s+", paper["abstract"]) if len(s) > 40]
    yield paper["title"]
    yield from told[: SENTENCES_OF_A_PAPER - 1]


def _glosses(folder: Path) -> Iterator[str]:
    """Yield ``word, word: gloss`` (format: wndb(5WN) of WordNet)."""
    for part in ("noun", "adj", "verb"):
        for line in (folder / f"data.{part}").read_text("latin-1").splitlines():
            if line.startswith("  ") or "|" not in line:
                continue
            head, gloss = line.split("|", 1)
            fields = head.split()
            count = int(fields[3], 16)
            names = [fields[4 + 2 * n].split("(")[0].replace("_", " ") for n in range(count)]
            if not names[0][0].isupper():  # names of people and places say little of science
                yield f"{', '.join(names[:3])}: {gloss.split(chr(34))[0].strip(' ;')}"


def _centred(rows: Floats) -> Floats:
    return np.asarray(rows - rows.mean(axis=0), dtype=np.float32)


if __name__ == "__main__":
    main()
