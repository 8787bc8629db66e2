"""What authors leave in titles and abstracts, as it is shown."""

import json

import pytest
from corpus import SHARED
from hypothesis import given
from hypothesis import strategies as st

from digest.text.plain import plain

DAYS = SHARED / "replay" / "days"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"Counting$\unicode{x2014}$again", "Counting—again"),
        (r"We propose \FastNet, a net: \ours{} is", "We propose FastNet, a net: ours is"),
        (r"in \cite{who2024what}, and (\citet{x} agree)", "in, and ( agree)"),
        (r"on GitHub\footnote{https://x.example/a}.", "on GitHub (https://x.example/a)."),
        (r"at $\href{https://x.example/a}{here}$", "at here (https://x.example/a)"),
        (r"the class $\PSPACE$ over $\R^n$ with $\K = \V$", "the class PSPACE over ℝⁿ with K = V"),
        (r"$\binom{2p}{p} \equiv 2 \pmod{p^3}$", "(2p choose p) ≡ 2 (mod p³)"),
        ("6{,}181 lines, B{=}32", "6,181 lines, B=32"),
        ("We present {Scalable Nets} and k in {two}", "We present Scalable Nets and k in {two}"),
        ("automation {https://x.example/a}.", "automation https://x.example/a."),
        ("p < 10^{-27}, R^2, 10^-3, km^2", "p < 10⁻²⁷, R², 10⁻³, km²"),
        ("60~FPS, 10~seconds, F1~0.3, 2~10 turns", "60 FPS, 10 seconds, F1~0.3, 2~10 turns"),
        ("6.8×--30×", "6.8×–30×"),
        ("10$-$20 dB, 3$+$1, $ 5/x $", "10-20 dB, 3+1, 5/x"),
        (r"agreement (\textbackslash kappa = 0.7)", "agreement (κ = 0.7)"),
    ],
)  # fmt: skip
def test_what_authors_leave_reads_well(written, shown):
    assert plain(written) == shown


@pytest.mark.parametrize(
    "text",
    [
        r"C:\Users\ada holds it", "a^b and c^d2", "x ∈ {a, b}", "sizes {1, 2}", "{'a': 1}",
        "costs $5 and $10", r"$\begin{pmatrix} a & b \end{pmatrix}$", "the_file_name, x_1", "a~b",
        "$3.5/h, $84/day", "$0.01/1K and $0.03/1K", "$5+ and $10+", "$15/$75", "($3M to $300M+)",
        "by $9 (or $7) =$1", "US$ 5/day, US$ 9",
        "see https://x.example/~ada/a_b^2", r"$\myop{x}$", "NetForge_RL",
    ],
)  # fmt: skip
def test_what_is_no_tex_stays(text):
    assert plain(text) in (text, text.replace("~b", " b"))


@given(st.text(alphabet="ab1 \\{}$^_~-cite(),.", max_size=60))
def test_no_text_makes_it_raise_or_lose_a_digit(text):
    assert plain(text).count("1") + sum(map(plain(text).count, "¹₁")) >= _kept(text)


def _kept(text):
    """Count digits outside of what commands may take."""
    return 0 if "\\" in text or "$" in text else text.count("1")


@pytest.mark.skipif(not DAYS.is_dir(), reason="the recorded days are not here")
def test_recorded_titles_are_clean_and_cleaning_twice_changes_little():
    ugly, changed, count = [], 0, 0
    for path in sorted(DAYS.glob("*/arxiv.jsonl"))[:6]:
        for line in path.read_text().splitlines():
            event = json.loads(line)
            count += 1
            title = plain(event["title"])
            abstract = plain(event.get("abstract") or "")
            ugly += [title] * any(sign in title for sign in ("\\", "$", "&amp;", "Ã", "�"))
            changed += plain(abstract) != abstract or plain(title) != title
    assert count > 3000
    assert len(ugly) < count / 2000
    assert changed < count / 500
