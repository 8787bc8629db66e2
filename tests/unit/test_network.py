import pytest

from digest.sources._http import provider_of


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://rss.arxiv.org/atom/cs.LG", "arxiv"),
        ("https://export.arxiv.org:443/api", "arxiv"),
        ("https://OAIPMH.arXiv.org/oai", "arxiv"),
        ("https://connect.medrxiv.org/rss", "biorxiv"),
        ("https://api2.openreview.net/notes", "openreview"),
        ("https://notarxiv.org/", ""),
        ("https://arxiv.org.example.com/", ""),
        ("https://github.com/a/b", ""),
        ("http://[bad", ""),
        ("", ""),
    ],
)
def test_a_host_counts_against_its_providers_limit(url, provider):
    assert provider_of(url) == provider
