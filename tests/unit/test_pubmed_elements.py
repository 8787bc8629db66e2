"""Elements of PubMed's XML that are neither HTML nor MathML hold text like any other."""

import pytest
from builders import NOON

from digest.sources import Body
from digest.sources._pubmed_xml import parse_articles

MATH = "<math><mi>a</mi><mo>&lt;</mo><mi>b</mi></math>"


@pytest.mark.parametrize(
    ("abstract", "expected"),
    [
        (f"Let <DispFormula>{MATH}</DispFormula> hold.", "Let a<b hold."),
        (f"Let <Unheard><Of>{MATH}</Of></Unheard> hold.", "Let a<b hold."),
        ("CO<sub>2</sub> &lt;Foo&gt; <i>E. coli</i>", "CO₂ <Foo> E. coli"),
    ],
)
def test_unknown_elements_are_transparent(abstract, expected):
    content = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article>"
        f"<ArticleTitle>T</ArticleTitle><Abstract><AbstractText>{abstract}</AbstractText>"
        "</Abstract></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    body = Body(url="https://x.example/", content=content.encode(), fetched_at=NOON)
    (record,) = parse_articles("pubmed", body).records
    assert record.abstract == expected
