"""The sources of a new ``digest.toml``: those that are on, and the others as comments to take."""

from __future__ import annotations

from collections.abc import Iterator

ON = """\
[sources.inbox]
kind = "inbox"                   # papers that people name: `digest submit URL_OR_ID`
"""

OTHERS = (
    """\
[sources.biorxiv]
kind = "biorxiv"                 # bioRxiv and medRxiv, new versions of the last days
servers = ["biorxiv", "medrxiv"]
categories = ["neuroscience"]    # without it all of them
every_minutes = 360
""",
    """\
[sources.pubmed]
kind = "pubmed"                  # what a PubMed query finds among recent entries
query = "sleep[Title] AND mice"
every_minutes = 720
""",
    """\
[sources.crossref]
kind = "crossref"                # journals by ISSN, publishers by DOI prefix, or a query
issns = ["0028-0836"]
mailto = "you@example.org"
every_minutes = 720
""",
    """\
[sources.openalex]
kind = "openalex"                # works that fit a search or filter; wants a free key
search = "sparse attention"
api_key = "..."
every_minutes = 720
""",
    """\
[sources.openreview]
kind = "openreview"              # submissions to a venue
invitations = ["ICLR.cc/2027/Conference/-/Submission"]
every_minutes = 360
""",
    """\
[sources.mails]
kind = "listing"                 # arXiv's listing mails, in a folder or a Maildir
path = "~/Maildir/.arxiv"
trusted_server = ""              # name of your mail server in Authentication-Results; or by DKIM
""",
    """\
[sources.semanticscholar]
kind = "semanticscholar"         # adds what it knows of papers that others found
every_minutes = 720
""",
)


def source_lines() -> Iterator[str]:
    """Yield the lines of the file; examples that are off come as comments."""
    yield from ON.splitlines()
    yield ""
    yield "# More kinds of sources: take away the # of those you want."
    yield "#"
    for example in OTHERS:
        yield from (f"# {line}" for line in example.splitlines())
        yield "#"
    yield ""
