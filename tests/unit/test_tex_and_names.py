"""TeX in titles, abstracts and names: readable where that is certain, untouched where not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.text.names import split_authors
from digest.text.plain import plain
from digest.text.tex import to_text

PIECES = st.lists(
    st.sampled_from(
        ["$", "$$", "\\", "{", "}", "^", "_", "\\alpha", "\\frac", "\\'e", '\\"', "~", "--", "``",
         "''", "\\(", "\\)", "\\[", "\\]", "\\text{", "\\mathbb", " ", "x", "é", "\\begin{a}"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Sorting in $O(n^2)$ time", "Sorting in O(n²) time"),
        ("A bound of $\\frac{1}{2}$", "A bound of 1/2"),
        ("$\\alpha$-stable laws", "α-stable laws"),
        ("the $L_2$ norm", "the L₂ norm"),
        ("\\textit{De novo} design", "De novo design"),
        ("costs $5 and $6 more", "costs $5 and $6 more"),
        ("$\\begin{pmatrix}a\\end{pmatrix}$", "$\\begin{pmatrix}a\\end{pmatrix}$"),
        ("100\\% of cases", "100% of cases"),
        ("Schr\\\"odinger and Erd\\H{o}s", "Schrödinger and Erdős"),
    ],
)  # fmt: skip
def test_simple_tex_is_read_and_the_rest_left(raw, shown):
    assert to_text(raw) == shown


@pytest.mark.parametrize("formula", ["O(n^2)", "x<y", "\\epsilon \\leq 1"])
def test_a_formula_is_told_once(formula):
    once, twice = plain(f"Bounds ${formula}$ hold"), plain(f"Bounds ${formula}$ and ${formula}$")
    assert len(twice) > len(once)
    assert once.startswith("Bounds ")
    assert once.endswith(" hold")
    told = once.removeprefix("Bounds ").removesuffix(" hold")
    assert twice.count(told) == 2


def test_a_formula_with_its_source_beside_it_is_told_once():
    formula = (
        "<math><semantics><msup><mi>n</mi><mn>2</mn></msup>"
        '<annotation encoding="application/x-tex">n^2</annotation></semantics></math>'
    )
    assert plain(f"in {formula} steps", markup=True) == "in n² steps"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Andr\\'e Martin", "André Martin"),
        ("Andr{\\'e} Martin", "André Martin"),
        ("Paul Erd\\H{o}s", "Paul Erdős"),
        ("\\L ukasz Kaiser", "Łukasz Kaiser"),
        ("Fran\\c{c}ois Chollet", "François Chollet"),
        ('J\\"urgen Schmidhuber', "Jürgen Schmidhuber"),
        ("S\\o ren Hauberg", "Søren Hauberg"),
    ],
)
def test_accents_in_names_are_letters(raw, name):
    assert [author.name for author in split_authors(plain(raw))] == [name]


@given(PIECES | st.text(max_size=200))
def test_any_text_is_read_and_reading_again_changes_little(text):
    shown = to_text(text)
    assert isinstance(shown, str)
    assert len(shown) <= 4 * len(text) + 10
    plain(text)


@pytest.mark.parametrize("piece", ["$", "{", "\\frac{", "\\'", "$x^{", "``", "--", "\\(", "{\\bf "])
def test_long_rubbish_takes_no_time(piece):
    began = time.process_time()
    to_text(piece * (20_000 // len(piece)))
    assert time.process_time() - began < 5
