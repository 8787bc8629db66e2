import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.text.clean import clean, shorten
from digest.text.keys import MAX_KEY, fold_words, title_key, token_overlap


@given(st.text())
def test_cleaning_twice_changes_nothing_and_any_encoder_takes_it(text):
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once.encode("utf-8").decode() == once
    assert "\x00" not in once
    assert "\u202e" not in once


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("a\x00b", "ab"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("Poincare\u0301", "Poincaré"),
        ("two\r\n  lines\u2028and more", "two lines and more"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_invisible_tricks_go_and_meaning_stays(raw, plain):
    assert clean(raw) == plain


@given(st.text(max_size=200), st.integers(2, 80))
def test_shortened_text_fits(text, limit):
    assert len(shorten(text, limit)) <= limit


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("T^2PO: better", "T$^2$PO: Better"),
        (r"A Poincar\'e Inequality", "A Poincaré inequality."),
        ("VGGT-$Ω$", r"VGGT-$\Omega$"),
        ("On <i>E. coli</i>", "On E. coli"),
        ("CO<sub>2</sub> capture", "CO2 capture"),
        (r"$\textit{Deep}$ nets", "Deep nets"),
        ("Schrödinger’s cat", "Schroedinger's cat".replace("oe", "ö")),
        ("R&amp;D", "R&D"),
        (r"Fa{\ss}bender Models", "Faßbender models"),
    ],
)
def test_one_title_in_two_spellings_has_one_key(one, other):
    assert title_key(one) == title_key(other) != ""


def test_content_in_angle_brackets_is_part_of_the_key():
    assert title_key("Entropy After </Think> for exiting") == "entropy after think for exiting"


@given(st.text(max_size=400))
def test_keys_are_stable_and_short(text):
    key = title_key(text)
    assert len(key) <= MAX_KEY
    assert title_key(key) == key
    assert fold_words(key) == key


def test_overlap_is_a_ratio_of_words():
    assert token_overlap("a b c", "b c d") == 0.5
    assert token_overlap("", "") == 0.0
