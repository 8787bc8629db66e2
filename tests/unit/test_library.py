import json

import pytest

from digest.errors import UsageError
from digest.text.library import read_library

BIBTEX = rb"""
@string{jmlr = "Journal of Learning"}
@article{muller20, title={Poincar{\'e} {Balls} \& Trees},
  author={M{\"u}ller, J{\"o}rg and Ada Lovelace},
  eprint={2401.01234v2}, archivePrefix={arXiv}, doi="10.1000/XYZ",
  journal = jmlr, keywords={trees, balls}}
@inproceedings{muller20, title = "The same key again", author = "A. Turing",
  journal={arXiv preprint arXiv:2312.00752}}
@misc{unclosed, title={Never ends
"""

RIS = b"""TY  - JOUR
TI  - Small checkers for long proofs
AU  - Lovelace, Ada
AB  - We check proofs.
DO  - 10.1000/abc
UR  - https://arxiv.org/abs/2402.00002
KW  - proofs
ER  -
"""

CSL = json.dumps(
    [
        {"title": "A <i>set</i> title", "DOI": "10.1/x"},
        {"data": {"itemType": "attachment", "title": "PDF"}},
        {"data": {"itemType": "preprint", "title": "From Zotero", "archiveID": "arXiv:2403.00003",
                  "creators": [{"firstName": "Alan", "lastName": "Turing"}],
                  "tags": [{"tag": "logic"}]}},
    ]
).encode()  # fmt: skip

CSV = (
    b'"Key","Item Type","Title","Author","DOI","Url","Abstract Note","Manual Tags"\r\n'
    b'"A1","preprint","From CSV","Lovelace, Ada; Turing, Alan","","http://arxiv.org/abs/2404.00004",'
    b'"Text, with commas","logic; trees"\r\n'
)


def test_bibtex_is_read_with_tex_names_and_keys():
    first, second = read_library(BIBTEX).items
    assert first.title == "Poincaré Balls & Trees"
    assert first.authors == ("Jörg Müller", "Ada Lovelace")
    assert first.keys == ("arxiv:2401.01234", "doi:10.1000/xyz")
    assert second.keys == ("arxiv:2312.00752",)


def test_a_broken_entry_is_counted_and_the_others_are_read():
    library = read_library(BIBTEX)
    assert (len(library.items), library.skipped) == (2, 1)


def test_ris_is_read():
    (item,) = read_library(RIS).items
    assert item.keys == ("arxiv:2402.00002", "doi:10.1000/abc")
    assert (item.authors, item.keywords) == (("Ada Lovelace",), ("proofs",))


def test_csl_and_zotero_json_are_read_without_attachments():
    library = read_library(CSL)
    assert [item.title for item in library.items] == ["A set title", "From Zotero"]
    assert library.items[1].keys == ("arxiv:2403.00003",)


def test_zotero_csv_is_read():
    (item,) = read_library(CSV).items
    assert item.authors == ("Ada Lovelace", "Alan Turing")
    assert item.keys == ("arxiv:2404.00004",)
    assert item.keywords == ("logic", "trees")


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.4", b"<html></html>", b"[1, 2", b"{"])
def test_anything_else_is_refused_by_name(content: bytes):
    with pytest.raises(UsageError, match=r"thesis\.bib"):
        read_library(content, name="thesis.bib")


def test_markup_and_controls_in_a_library_are_inert():
    bad = json.dumps([{"title": "<script>alert(1)</script>A\u202etitle\x00", "DOI": 5}]).encode()
    (item,) = read_library(bad).items
    assert "<script" not in item.title
    assert "\u202e" not in item.title


@pytest.mark.parametrize("content", [b"[]", b"@comment{nothing here}", b"Key,Title,DOI\n"])
def test_a_library_of_no_paper_is_said_to_be_empty(content):
    with pytest.raises(UsageError, match="mine"):
        read_library(content, name="mine")


@pytest.mark.parametrize(
    "field",
    [
        r"doi = {10.1007/978-3-031-00001-5\_12}",
        r"doi = {10.1007/978-3-031-00001-5{\_}12}",
        r"doi = {10.1007/978-3-031-00001-5$\_$12}",
        r"doi = {10.1007/978-3-031-00001-5\textunderscore 12}",
        r"doi = {https://doi.org/https://doi.org/10.1007/978-3-031-00001-5_12}",
        r"doi = {DOI: 10.1007/978-3-031-00001-5_12}",
        r"doi = {doi: https://dx.doi.org/10.1007/978-3-031-00001-5_12}",
        r"doi = {\url{https://doi.org/10.1007/978-3-031-00001-5\_12}}",
        r"url = {\url{https://doi.org/10.1007/978-3-031-00001-5\_12}}",
        r"url = {\href{https://doi.org/10.1007/978-3-031-00001-5_12}{link}}",
        r"howpublished = {Online: \url{https://doi.org/10.1007/978-3-031-00001-5\_12}. Seen 2026}",
        r"note = {doi: 10.1007/978-3-031-00001-5\_12, accepted}",
        r"ee = {https://doi.org/10.1007/978-3-031-00001-5_12}",
        r"bdsk-url-1 = {https://doi.org/10.1007/978-3-031-00001-5_12}",
    ],
)
def test_a_field_that_names_a_paper_is_read_without_its_tex(field):
    (item,) = read_library(f"@article{{a, title={{One}}, {field}}}".encode()).items
    assert item.keys == ("doi:10.1007/978-3-031-00001-5_12",)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("{{OpenAI and Friends}}", ("OpenAI and Friends",)),
        ("{{Google, Inc.} and Lovelace, Ada}", ("Google, Inc.", "Ada Lovelace")),
        ("{Ada Lovelace\n  AND Karl Turing and others}", ("Ada Lovelace", "Karl Turing")),
        (r"{M{\"u}ller, J{\"o}rg and {van der Berg}, Eve}", ("Jörg Müller", "Eve van der Berg")),
        ("{{{Land and Sea} Group} and A B}", ("Land and Sea Group", "A B")),
    ],
)
def test_names_in_braces_are_one_author(names, expected):
    (item,) = read_library(f"@misc{{a, title={{One}}, author={names}}}".encode()).items
    assert item.authors == expected


def test_a_comment_behind_a_field_costs_no_field():
    content = b"@article{c,\n title = {One, 20% more},  % read this\n author = {Eve Noether},\n}"
    (item,) = read_library(content).items
    assert (item.title, item.authors) == ("One, 20% more", ("Eve Noether",))


@pytest.mark.parametrize("end", ["", "\n", "ER  - \n", "\nER  -\n"])
@pytest.mark.parametrize("space", ["  ", " "])
def test_records_without_an_end_are_records(end, space):
    one = "TY  - JOUR\nTI  - Kernel {n}\nAB  - An\nAI - based text\nDO  - 10.1000/{n}\n"
    text = "".join(one.format(n=n) + end for n in "abc").replace("  - ", f"{space}- ")
    found = read_library(text.encode())
    assert [item.keys for item in found.items] == [(f"doi:10.1000/{n}",) for n in "abc"]
    assert found.skipped == 0


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize(
    "text",
    [
        "@article{a, title={Über Kerne}, author={A B}, doi={10.1000/a}}",
        "TY  - JOUR\nTI  - Über Kerne\nDO  - 10.1000/a\nER  - \n",
        '[{"title": "Über Kerne", "DOI": "10.1000/a"}]',
    ],
)
def test_a_library_is_read_in_each_encoding(text, encoding):
    (item,) = read_library(text.encode(encoding)).items
    assert (item.title, item.keys) == ("Über Kerne", ("doi:10.1000/a",))
