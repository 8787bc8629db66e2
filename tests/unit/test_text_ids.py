import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.text.ids import (
    Reference,
    keys_of_doi,
    make_key,
    parse_address,
    parse_arxiv,
    parse_doi,
    parse_reference,
    rxiv_accession,
)

ARXIV_FORMS = [
    "{}",
    " {} ",
    "arXiv:{}",
    "arxiv: {}",
    "oai:arXiv.org:{}",
    "https://arxiv.org/abs/{}",
    "http://arxiv.org/abs/{}",
    "https://www.arxiv.org/pdf/{}",
    "https://arxiv.org/pdf/{}.pdf",
    "https://export.arxiv.org/abs/{}?context=cs.LG",
    "https://arxiv.org/html/{}/#S3",
    "https://ar5iv.labs.arxiv.org/html/{}",
    "https://www.alphaxiv.org/abs/{}",
    "https://alphaxiv.org/overview/{}",
    "https://huggingface.co/papers/{}",
    "https://hf.co/papers/{}",
    "https://doi.org/10.48550/arXiv.{}",
    "10.48550/ARXIV.{}",
    "arxiv.org/abs/{}",
    "<https://arxiv.org/abs/{}>.",
]


def new_style() -> st.SearchStrategy[str]:
    early = st.tuples(st.integers(8, 14), st.integers(1, 12), st.integers(1, 9999))
    late = st.tuples(st.integers(15, 29), st.integers(1, 12), st.integers(1, 99999))
    return early.map(lambda x: f"{x[0]:02}{x[1]:02}.{x[2]:04}") | late.map(
        lambda x: f"{x[0]:02}{x[1]:02}.{x[2]:05}"
    )


def old_style() -> st.SearchStrategy[str]:
    years = st.integers(92, 99) | st.integers(0, 6)
    numbers = st.tuples(years, st.integers(1, 12), st.integers(1, 999))
    archives = st.sampled_from(["hep-th", "math", "astro-ph", "cs", "cond-mat"])
    return st.builds(lambda a, n: f"{a}/{n[0]:02}{n[1]:02}{n[2]:03}", archives, numbers)


@given(new_style() | old_style(), st.integers(1, 40) | st.none(), st.sampled_from(ARXIV_FORMS))
def test_every_form_of_an_arxiv_id_gives_one_key(number, version, form):
    written = number if version is None else f"{number}v{version}"
    found = parse_reference(form.format(written))
    assert found is not None
    assert (found.key, found.version) == (f"arxiv:{number}", version)


@pytest.mark.parametrize(
    "text",
    [
        "2413.01234",  # there is no month 13
        "0703.0001",  # before the new numbers began
        "1412.01234",  # five digits came later
        "1501.0123",
        "2401.012345",
        "2401.01234.5",
        "2401.01234abc",
        "2401.00000",
        "10.1103/PhysRevLett.2202.12139",
        "١٢٠١.٠١٢٣٤",
        "https://arxiv.org/list/cs.AI/new",
        "https://arxiv.org/a/smith_j_1",
        "https://example.org/abs/2401.01234",
        "https://arxiv.org.example.org/abs/2401.01234",
        "https://huggingface.co/models/2401.01234",
        "math/0713001",
        "",
    ],
)
def test_what_is_not_an_arxiv_id_gives_none(text):
    assert parse_arxiv(text) is None


def test_subject_classes_of_old_ids_are_dropped():
    assert parse_arxiv("math.GT/0309136v2").key == "arxiv:math/0309136"
    assert (
        parse_arxiv("https://arxiv.org/abs/cond-mat.mes-hall/0102001").value == "cond-mat/0102001"
    )


def test_bare_numbers_count_only_where_the_field_holds_ids():
    assert parse_arxiv("2401.01234", bare=False) is None
    assert parse_arxiv("arXiv:2401.01234", bare=False).key == "arxiv:2401.01234"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("https://doi.org/10.1000/Xyz", "doi:10.1000/xyz"),
        ("http://dx.doi.org/10.1000%2Fxyz", "doi:10.1000/xyz"),
        ("DOI: 10.1000/xyz.", "doi:10.1000/xyz"),
        ("10.1000/xyz?utm=1#top", "doi:10.1000/xyz"),
        ("10.1016/S0021-9258(18)64849-5", "doi:10.1016/s0021-9258(18)64849-5"),
        ("10.1000/xyz)", "doi:10.1000/xyz"),
        (
            "10.1002/(SICI)1096-8644(199601)99:1<1::AID-AJPA1>3.0.CO;2-1",
            "doi:10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-1",
        ),
        ("10.48550/arXiv.2401.01234v3", "arxiv:2401.01234"),
        ("10.1101/2020.01.01.123456v2.full.pdf", "doi:10.1101/2020.01.01.123456"),
        ("10.64898/2026.07.15.123456v1", "doi:10.64898/2026.07.15.123456"),
        ("10.1101/gr.123456.117", "doi:10.1101/gr.123456.117"),
        ("10.7554/eLife.93758.3", "doi:10.7554/elife.93758"),
        ("10.21203/rs.3.rs-4000001/v2", "doi:10.21203/rs.3.rs-4000001"),
        ("10.26434/chemrxiv-2024-abcd1-v2", "doi:10.26434/chemrxiv-2024-abcd1"),
    ],
)
def test_dois_lose_their_wrapping(text, key):
    assert parse_doi(text).key == key


@pytest.mark.parametrize("text", ["", "10.1/x", "doi:", "10.1000/", "hello 10.1000/x", "10.1000"])
def test_what_is_not_a_doi_gives_none(text):
    assert parse_doi(text) is None


@given(st.text(max_size=60))
def test_normalising_a_doi_twice_changes_nothing(text):
    found = parse_doi("10.1234/" + text)
    if found is not None and found.scheme == "doi":
        assert parse_doi(found.value).key == found.key


@given(st.text(max_size=80))
def test_no_text_makes_a_parser_raise(text):
    for found in (parse_arxiv(text), parse_doi(text), parse_address(text), parse_reference(text)):
        assert found is None or re.match(r"[a-z0-9]+:\S", found.key)


@given(st.text(max_size=60))
def test_no_address_makes_a_parser_raise(text):
    found = parse_reference("https://" + text)
    assert found is None or found.value


def test_both_rxiv_prefixes_share_an_accession():
    assert rxiv_accession("10.1101/2026.01.02.345678") == rxiv_accession(
        "10.64898/2026.01.02.345678"
    )
    assert keys_of_doi("10.64898/2026.01.02.345678v2")[1] == "rxiv:2026.01.02.345678"
    assert keys_of_doi("10.1000/x") == ("doi:10.1000/x",)


@pytest.mark.parametrize(
    ("scheme", "text", "key"),
    [
        ("pmid", "PMID: 31452104", "pmid:31452104"),
        ("pmid", "https://pubmed.ncbi.nlm.nih.gov/31452104/", "pmid:31452104"),
        ("pmid", "31452104.2", "pmid:31452104"),
        ("pmid", "PMC123", None),
        ("pmcid", "pmc7000001", "pmcid:PMC7000001"),
        ("openalex", "https://openalex.org/W2741809807", "openalex:W2741809807"),
        ("openalex", "A5023888391", None),
        ("s2", "CorpusId:215416146", "s2:215416146"),
        ("openreview", "https://openreview.net/forum?id=zG459X3Xge_", "openreview:zG459X3Xge_"),
        ("hn", "https://news.ycombinator.com/item?id=8863", "hn:8863"),
    ],
)
def test_other_schemes_have_one_spelling(scheme, text, key):
    assert make_key(scheme, text) == key


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://biorxiv.org/content/10.1101/123456v2.full", "doi:10.1101/123456"),
        ("https://dl.acm.org/doi/abs/10.1145/329.33", "doi:10.1145/329.33"),
        ("https://wiley.com/doi/10.1002/adma.2301/full", "doi:10.1002/adma.2301"),
        ("https://openreview.net/pdf?id=zG459X3Xge_", "openreview:zG459X3Xge_"),
        ("https://pmc.ncbi.nlm.nih.gov/articles/PMC7000001/", "pmcid:PMC7000001"),
        ("https://scirate.com/arxiv/2401.01234", "arxiv:2401.01234"),
        ("https://example.org/blog/2401.01234", None),
        ("javascript:alert(1)", None),
        ("https://[broken", None),
    ],
)  # fmt: skip
def test_an_address_is_an_id_only_where_it_says_so(url, key):
    found = parse_address(url)
    assert (found and found.key) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("31452104", "pmid:31452104"),
        ("PMID: 31452104", "pmid:31452104"),
        ("pmid:31452104", "pmid:31452104"),
        ("PMID 31452104", "pmid:31452104"),
        ("https://pubmed.ncbi.nlm.nih.gov/31452104/", "pmid:31452104"),
        ("pubmed.ncbi.nlm.nih.gov/31452104", "pmid:31452104"),
        ("PMC6715333", "pmcid:PMC6715333"),
        ("pmc6715333", "pmcid:PMC6715333"),
        ("PMCID: PMC6715333", "pmcid:PMC6715333"),
        ("PMCID PMC6715333", "pmcid:PMC6715333"),
        ("https://pmc.ncbi.nlm.nih.gov/articles/PMC6715333/", "pmcid:PMC6715333"),
        ("2401.01234", "arxiv:2401.01234"),
        ("arXiv:2401.01234v2", "arxiv:2401.01234"),
        ("10.1000/X", "doi:10.1000/x"),
        ("doi:10.1000/x", "doi:10.1000/x"),
        ("openreview:aBc123xyz", "openreview:aBc123xyz"),
        ("https://openreview.net/forum?id=aBc123xyz", "openreview:aBc123xyz"),
        ("openalex:W2741809807", "openalex:W2741809807"),
        ("W2741809807", "openalex:W2741809807"),
        ("CorpusId: 12345", "s2:12345"),
    ],
)
def test_every_form_of_an_id_that_help_names_is_read(text, key):
    found = parse_reference(text)
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("text", ["2024", "123", "123456789", "hello", "pages 12-14", "W1", "PMC"])
def test_what_names_no_paper_is_not_guessed(text):
    assert parse_reference(text) is None


def test_a_bare_number_in_a_field_is_no_pmid():
    assert parse_reference("31452104", bare=False) is None


@pytest.mark.parametrize(
    ("doi", "key", "version"),
    [
        ("10.12688/f1000research.12345.2", "doi:10.12688/f1000research.12345", 2),
        ("10.12688/wellcomeopenres.12345.1", "doi:10.12688/wellcomeopenres.12345", 1),
        ("10.36227/techrxiv.176000001.12345678/v2", "doi:10.36227/techrxiv.176000001.12345678", 2),
        ("10.26434/chemrxiv.12345678.v1", "doi:10.26434/chemrxiv.12345678", 1),
        ("10.31219/osf.io/ab3de_v2", "doi:10.31219/osf.io/ab3de", 2),
        ("10.6084/m9.figshare.1234567.v3", "doi:10.6084/m9.figshare.1234567", 3),
        ("10.1093/bioinformatics/btag123", "doi:10.1093/bioinformatics/btag123", None),
        ("10.1000/rev12", "doi:10.1000/rev12", None),
    ],
)
def test_a_version_in_a_doi_is_no_part_of_the_key(doi, key, version):
    assert parse_doi(doi) == Reference(key, version)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (
            "https://academic.oup.com/bioinformatics/advance-article/doi/10.1093/bioinformatics/"
            "btag123/7071234?rss=1",
            "doi:10.1093/bioinformatics/btag123",
        ),
        (
            "https://pubs.aip.org/aip/jcp/article/doi/10.1063/5.0012345/2876543/Kernels-on-ice",
            "doi:10.1063/5.0012345",
        ),
        (
            "https://academic.oup.com/x/article-abstract/doi/10.1093/x/btag123/7071234/",
            "doi:10.1093/x/btag123",
        ),
        ("https://academic.oup.com/x/article/doi/10.1093/x/btag123", "doi:10.1093/x/btag123"),
        ("https://onlinelibrary.wiley.com/doi/10.1155/2020/1234567", "doi:10.1155/2020/1234567"),
        ("https://doi.org/10.1155/2020/1234567", "doi:10.1155/2020/1234567"),
    ],
)
def test_a_sites_own_number_is_no_part_of_a_doi(url, key):
    assert parse_address(url).key == key
