import pytest
from builders import a_paper
from hypothesis import given
from hypothesis import strategies as st

from digest.model import Author, Term
from digest.ranking.people import match_authors, match_institutions
from digest.ranking.space import paper_text, paper_words
from digest.ranking.terms import Place, TermIndex
from digest.ranking.words import content_words, words

texts = st.text(st.sampled_from("ab s\\{}$'\".-é\u0301ß+# α") | st.characters(), max_size=30)


def found(text, title, **fields):
    paper = a_paper(title=title, abstract="", keywords=())
    return bool(TermIndex([paper]).find(Term(text=text, **fields)))


@pytest.mark.parametrize(
    ("term", "title"),
    [
        ("ai", "AI for science"),
        ("pre-training", "Pretraining of models"),
        ("pretraining", "On pre-training models"),
        ("graph neural network", "Graph Neural Networks are fast"),
        ("Gödel machine", "Godel machines revisited"),
        ("kernel fusion", r"\emph{Kernel} $\mathrm{fusion}$ at scale"),
        ("C++", "Templates in C++ and Rust"),
        ("α-synuclein", "Aggregation of α‐synuclein"),
    ],
)
def test_a_term_is_found_in_its_other_spellings(term, title):
    assert found(term, title)


@pytest.mark.parametrize(
    ("term", "title"),
    [
        ("ai", "How to train a model"),
        ("ai", "Maintaining chains"),
        ("rna", "International journals"),
        ("graph network", "Graph neural network"),
        ("c", "C++ for all"),
        ("", "Anything"),
        ("...", "Anything"),
    ],
)
def test_a_term_is_not_found_inside_other_words(term, title):
    assert not found(term, title)


def test_the_title_counts_as_the_better_place():
    paper = a_paper(title="On kernel fusion", abstract="We fuse kernels: kernel fusion.")
    assert TermIndex([paper]).find(Term(text="kernel fusion")) == {0: Place.TITLE}


def test_a_term_looks_only_where_it_is_told():
    paper = a_paper(title="Kernel fusion", abstract="Something else", venue="NeurIPS 2026")
    index = TermIndex([paper])
    assert not index.find(Term(text="kernel fusion", fields=("abstract",)))
    assert index.find(Term(text="neurips", fields=("venue",)))


def test_a_category_covers_those_below_it():
    index = TermIndex([a_paper(categories=("cs.LG", "stat.ML"))])
    assert index.find(Term(text="stat", fields=("categories",)))
    assert not index.find(Term(text="cs.L", fields=("categories",)))


def test_content_words_leave_out_what_says_nothing():
    assert content_words("We propose a new method for 3 protein folds") == ("protein", "fold")


def test_words_survive_hostile_text():
    assert words("\\" * 50 + "{" * 50 + "\u202eabc\u202c \x00") == ["abc"]


def people(followed, *authors):
    paper = a_paper(authors=authors)
    return [(m.printed, m.is_certain) for m in match_authors(paper, followed)]


def test_a_full_name_is_certain_and_initials_are_not():
    assert people(["Ada Lovelace"], Author(name="Ada Lovelace")) == [("Ada Lovelace", True)]
    assert people(["Lovelace, Ada"], Author(name="Ada K. Lovelace")) == [("Ada K. Lovelace", True)]
    assert people(["Ada Lovelace"], Author(name="A. Lovelace")) == [("A. Lovelace", False)]


def test_another_person_of_the_same_family_name_is_nobody_we_follow():
    assert people(["Ada Lovelace"], Author(name="Alan Lovelace")) == []
    assert people(["Wei B. Zhang"], Author(name="Wei C. Zhang")) == []


def test_an_id_settles_who_it_is():
    twin = Author(name="Wei Zhang", ids=("orcid:0000-0002-1825-0097",))
    assert people(["orcid:0000-0002-1825-0097"], twin) == [("Wei Zhang", True)]
    assert people(["orcid:0000-0000-0000-0001"], twin) == []


def test_an_institution_is_found_as_whole_words():
    paper = a_paper(authors=(Author(name="Ada", affiliations=("MIT Media Lab, Cambridge",)),))
    assert match_institutions(paper, ["mit", "Media La"]) == ["mit"]


@given(title=texts, abstract=texts)
def test_a_paper_is_the_same_words_split_whole_or_title_first(title, abstract):
    paper = a_paper(1, title=title, abstract=abstract)
    whole = f"{title}. {paper_text(paper)}" if abstract or paper.summary else paper_text(paper)
    assert paper_words(paper) == content_words(whole)
