"""PubMed's XML into records: articles as efetch gives them.

https://dtd.nlm.nih.gov/ncbi/pubmed/doc/. Asks for nothing; books are no papers and are left out.
"""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import datetime

from lxml import etree

from digest.errors import SourceError
from digest.model import Author, Completeness, PaperKey, Record
from digest.sources import Batch, Body, Rejected
from digest.sources._asking import news_on, public_since
from digest.sources._entries import without_controls
from digest.sources._reading import from_parts, unique
from digest.text.clean import clean
from digest.text.html import is_markup
from digest.text.ids import keys_of_doi, make_key
from digest.text.plain import plain

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LOOSE = re.compile(r"\s*([12][0-9]{3})(?:\s+([A-Za-z]{3}))?")
_ADDRESS = re.compile(
    r"(?:(?<!\s)\s++|(?<![^\s@]))(?:Electronic address:\s*+)?[^\s@]++@[^\s@]+\.[a-z]{2,}\.?",
    re.IGNORECASE,
)
_RETRACTED = "retracted publication"


def parse_articles(name: str, body: Body, *, is_cut: bool = False) -> Batch:
    """Read a PubmedArticleSet. Raises SourceError for everything else."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(without_controls(body.content), parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        reason = f"{body.url} is not the XML it should be ({exc})"
        raise SourceError(name, reason, kind="not-pubmed") from exc
    if root.tag != "PubmedArticleSet":
        said = clean("".join(str(text) for text in root.itertext()))[:200]
        raise SourceError(name, f"{body.url} answered with: {said or root.tag}", kind="not-pubmed")
    read = [_record(name, article) for article in root.findall("PubmedArticle")]
    return Batch(
        records=tuple(one for one in read if isinstance(one, Record)),
        rejected=tuple(one for one in read if isinstance(one, Rejected)),
        completeness=Completeness.TRUNCATED if is_cut else Completeness.UNKNOWN,
    )


def _record(name: str, found: etree._Element) -> Record | Rejected:
    citation = found.find("MedlineCitation")
    article = None if citation is None else citation.find("Article")
    number = clean(found.findtext("MedlineCitation/PMID") or "")
    key = make_key("pmid", number)
    title = "" if article is None else _title(article)
    if citation is None or article is None or key is None or not title:
        return Rejected(native_id=number[:300], reason="no PMID or no title")
    entered_at = _entered_at(found)
    published_at = public_since(_published(article), entered_at)
    kinds = [clean(kind.text or "").lower() for kind in article.iter("PublicationType")]
    return Record(
        source=name,
        key=key,
        ids=unique(_ids(found, article), but=key),
        native_id=number,
        announced_on=news_on(entered_at, published_at),
        title=title,
        abstract=_abstract(article),
        authors=_authors(article),
        keywords=_keywords(citation),
        url=f"https://pubmed.ncbi.nlm.nih.gov/{key.partition(':')[2]}/",
        venue=plain(article.findtext("Journal/Title") or ""),
        published_at=published_at,
        withdrawn=_RETRACTED in kinds,
    )


def _inner(element: etree._Element | None) -> str:
    """Return what stands within an element, as plain text: titles hold sub, sup, i and MathML."""
    if element is None:
        return ""
    wrappers = {
        str(part.tag)
        for part in element.iterdescendants()
        if isinstance(part.tag, str)
        and not is_markup(etree.QName(part).localname)
        and not any(etree.QName(a).localname == "math" for a in part.iterancestors())
    }
    if wrappers:
        element = deepcopy(element)
        etree.strip_tags(element, *wrappers)
    written = etree.tostring(element, encoding="unicode", with_tail=False)
    return plain(written.partition(">")[2].rpartition("<")[0], markup=True)


def _title(article: etree._Element) -> str:
    """Return the title without the final stop, and without the brackets of a translated one."""
    title = _inner(article.find("ArticleTitle"))
    if title.strip("[]. ").lower() in ("", "not available"):
        title = _inner(article.find("VernacularTitle"))
    title = title[:-1] if title.endswith(".") and not title.endswith("..") else title
    return title[1:-1].strip() if title.startswith("[") and title.endswith("]") else title


def _abstract(article: etree._Element) -> str:
    parts = []
    for part in article.findall("Abstract/AbstractText"):
        label, text = plain(part.get("Label", "")), _inner(part)
        label = label if label.lower() not in ("", "unlabelled", "abstract") else ""
        parts.append(f"{label.capitalize()}: {text}" if label and text else text)
    return " ".join(part for part in parts if part)


def _authors(article: etree._Element) -> tuple[Author, ...]:
    found = []
    for person in article.findall("AuthorList/Author"):
        given = person.findtext("ForeName") or person.findtext("Initials")
        parts = (given, person.findtext("LastName"), person.findtext("Suffix"))
        name = plain(" ".join(part for part in parts if part))
        name = name or _inner(person.find("CollectiveName"))
        places = (
            _ADDRESS.sub("", _inner(place))
            for place in person.findall("AffiliationInfo/Affiliation")
        )
        orcid = next(
            (
                clean(mark.text or "").rpartition("/")[2]
                for mark in person.findall("Identifier")
                if mark.get("Source", "").upper() == "ORCID"
            ),
            "",
        )
        if any(char.isalpha() for char in name):
            found.append(
                Author(
                    name=name,
                    affiliations=tuple(dict.fromkeys(place for place in places if place)),
                    ids=(f"orcid:{orcid}",) if orcid else (),
                )
            )
    return tuple(found)


def _ids(found: etree._Element, article: etree._Element) -> list[PaperKey | None]:
    """Return DOI and PMCID: of the article itself, not of its references further down."""
    keys: list[PaperKey | None] = []
    for mark in found.findall("PubmedData/ArticleIdList/ArticleId"):
        if mark.get("IdType") == "doi":
            keys += keys_of_doi(mark.text or "")
        elif mark.get("IdType") in ("pmc", "pmcid"):
            keys.append(make_key("pmcid", mark.text or ""))
    for mark in article.findall("ELocationID"):
        if mark.get("EIdType") == "doi" and mark.get("ValidYN", "Y") == "Y":
            keys += keys_of_doi(mark.text or "")
    return keys


def _keywords(citation: etree._Element) -> tuple[str, ...]:
    words = [_inner(word) for word in citation.findall("KeywordList/Keyword")]
    words += [
        _inner(word) for word in citation.findall("MeshHeadingList/MeshHeading/DescriptorName")
    ]
    return tuple(dict.fromkeys(word.rstrip(".") for word in words if word))


def _entered_at(found: etree._Element) -> datetime | None:
    for status in ("entrez", "pubmed"):
        for date in found.findall("PubmedData/History/PubMedPubDate"):
            if date.get("PubStatus") == status and (at := from_parts(_parts(date))):
                return at
    return None


def _published(article: etree._Element) -> list[int]:
    """Return the parts of the electronic date, or else of the printed issue's."""
    dates = (article.find("ArticleDate"), article.find("Journal/JournalIssue/PubDate"))
    return next((parts for date in dates if date is not None and (parts := _parts(date))), [])


def _parts(element: etree._Element) -> list[int]:
    """Read Year, Month (a number or a name) and Day, or the head of a MedlineDate."""
    year, month = (clean(element.findtext(part) or "") for part in ("Year", "Month"))
    loose = _LOOSE.match(element.findtext("MedlineDate") or "")
    if not year and loose:
        year, month = loose[1], loose[2] or ""
    found = [int(year)] if _is_number(year) else []
    if found and _is_number(month):
        found.append(int(month))
    elif found and month[:3].lower() in _MONTHS:
        found.append(_MONTHS.index(month[:3].lower()) + 1)
    day = clean(element.findtext("Day") or "")
    return [*found, int(day)] if len(found) == 2 and _is_number(day) else found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4
