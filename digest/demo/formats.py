"""Write the samples as their sources would: Daily Papers JSON, arXiv's Atom feed, a blog's RSS.

Shapes follow recorded answers of huggingface.co/api/daily_papers and rss.arxiv.org/atom, traps
included: the outer ``publishedAt`` is a day early, arXiv's text is TeX, its announcement types
are relative to the feed, its ``updated`` is the time of rendering.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from digest.demo.samples import DAYS, SamplePaper, SamplePost, Samples

_ACCENTS = {
    r"\'o": "ó", r"\'i": "í", r"\'a": "á", r"\'e": "é", r"\'E": "É", r"\~a": "ã", r'\"o': "ö",
}  # fmt: skip


def daily_papers(samples: Samples, *, asked_on: date, day: int) -> bytes:
    """Return the list of one date as it stands on sample day ``day`` (1 or 2), most votes first."""
    listed = [
        paper
        for paper in samples.papers
        if paper.version == 1
        and paper.listing is not None
        and paper.listing.day <= day
        and DAYS[paper.listing.day - 1] == asked_on
    ]
    items = [_daily_item(paper, asked_on, day) for paper in listed]
    items.sort(key=lambda item: -item["paper"]["upvotes"])
    return json.dumps(items, ensure_ascii=False).encode()


def announcements(samples: Samples, *, category: str, day: int) -> bytes:
    """Return arXiv's Atom feed of one category for one sample day."""
    built_at = datetime.combine(DAYS[day - 1], time(4), tzinfo=UTC) + timedelta(seconds=19)
    entries = "".join(
        _announcement(paper, category, DAYS[day - 1], built_at)
        for paper in _newest_first(samples.papers)
        if paper.day == day and category in paper.categories
    )
    address = f"http://rss.arxiv.org/atom/{category}"
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<feed xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">\n'
        f"  <id>{address}</id>\n"
        f"  <title>{category} updates on arXiv.org</title>\n"
        f"  <updated>{built_at.isoformat()}</updated>\n"
        f'  <link href="{address}" rel="self" type="application/atom+xml"/>\n'
        f"  <subtitle>{category} updates on the arXiv.org e-print archive.</subtitle>\n"
        f"{entries}</feed>\n"
    ).encode()


def blog(samples: Samples, *, base_url: str, day: int) -> bytes:
    """Return the blog's RSS feed on one sample day: posts stay listed."""
    posts = [post for post in samples.posts if post.day <= day]
    items = "".join(_post(post, base_url) for post in reversed(posts))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">\n<channel>\n'
        f"<title>Notes from the sample laboratory</title>\n<link>{escape(base_url)}/blog</link>\n"
        "<description>What we found out this week</description>\n<language>en</language>\n"
        f"{items}</channel>\n</rss>\n"
    ).encode()


def _daily_item(paper: SamplePaper, listed_on: date, day: int) -> dict[str, Any]:
    listing = paper.listing
    assert listing is not None
    published = datetime.combine(_published_on(paper), time(0), tzinfo=UTC)
    inner: dict[str, Any] = {
        "id": paper.id,
        "authors": [
            {"_id": _object_id(paper.id, name), "name": plain(name), "hidden": False}
            for name in paper.authors
        ],
        "publishedAt": _milliseconds(published),
        "submittedOnDailyAt": _milliseconds(datetime.combine(listed_on, time(0), tzinfo=UTC)),
        "submittedOnDailyBy": {
            "_id": _object_id(paper.id, "submitter"),
            "fullname": plain(paper.authors[0]),
            "name": plain(paper.authors[0]).partition(" ")[0].lower(),
            "type": "user",
            "isPro": False,
        },
        "title": plain(paper.title),
        "summary": plain(paper.abstract),
        "upvotes": listing.votes[day - 1],
        "discussionId": _object_id(paper.id, "discussion"),
    }
    if listing.summary:
        inner["ai_summary"] = listing.summary
    if listing.keywords:
        inner["ai_keywords"] = list(listing.keywords)
    if listing.repo and listing.stars:
        inner |= {"githubRepo": listing.repo, "githubStars": listing.stars[day - 1]}
    return {
        "paper": inner,
        "publishedAt": _milliseconds(published - timedelta(hours=4)),
        "title": inner["title"],
        "summary": inner["summary"],
        "numComments": listing.comments[day - 1],
        "submittedBy": inner["submittedOnDailyBy"],
        "isAuthorParticipating": False,
    }


def _announcement(paper: SamplePaper, category: str, on: date, built_at: datetime) -> str:
    kind = "new" if paper.version == 1 else "replace"
    if paper.categories[0] != category:
        kind = "cross" if paper.version == 1 else "replace-cross"
    summary = f"arXiv:{paper.id}v{paper.version} Announce Type: {kind} \nAbstract: {paper.abstract}"
    categories = "".join(f"    <category term={quoteattr(name)}/>\n" for name in paper.categories)
    return (
        f"  <entry>\n    <id>oai:arXiv.org:{paper.id}v{paper.version}</id>\n"
        f"    <title>{escape(paper.title)}</title>\n"
        f"    <updated>{built_at.isoformat()}</updated>\n"
        f'    <link href="https://arxiv.org/abs/{paper.id}" rel="alternate" type="text/html"/>\n'
        f"    <summary>{escape(summary)}</summary>\n{categories}"
        f"    <published>{on.isoformat()}T00:00:00-04:00</published>\n"
        f"    <arxiv:announce_type>{kind}</arxiv:announce_type>\n"
        "    <dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>\n"
        f"    <dc:creator>{escape(', '.join(paper.authors))}</dc:creator>\n  </entry>\n"
    )


def _post(post: SamplePost, base_url: str) -> str:
    at = datetime.combine(DAYS[post.day - 1], time(5), tzinfo=UTC)
    address = f"{base_url}/blog/{post.slug}"
    return (
        f"<item>\n<title>{escape(post.title)}</title>\n<link>{escape(address)}</link>\n"
        f'<guid isPermaLink="true">{escape(address)}</guid>\n'
        f"<pubDate>{format_datetime(at)}</pubDate>\n<dc:creator>{escape(post.author)}</dc:creator>\n"
        f"<description>{escape(escape(post.text).join(('<p>', '</p>')))}</description>\n</item>\n"
    )


def plain(text: str) -> str:
    """Return TeX as Hugging Face shows it: accents composed, most dollar signs kept."""
    for tex, letter in _ACCENTS.items():
        text = text.replace(tex, letter)
    return re.sub(r"\s+", " ", text)


def _newest_first(papers: Iterable[SamplePaper]) -> list[SamplePaper]:
    """Order as arXiv does: new papers before replacements."""
    return sorted(papers, key=lambda paper: (paper.version > 1, paper.id))


def _published_on(paper: SamplePaper) -> date:
    if paper.day == 0:
        return date(2026, int(paper.id[2:4]), int(paper.id[5:7]) or 2)
    return DAYS[paper.day - 1] - timedelta(days=3 if paper.day == 1 else 1)


def _milliseconds(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _object_id(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:24]
