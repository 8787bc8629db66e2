"""The bounded, polite way to the network that every source is given.

``addresses`` says where a connection may go, ``connection`` makes it go nowhere else, ``inflate``
and ``exchange`` bound what comes back, ``fetcher`` gives one poll its validators and its manners.
Nothing here knows a format or the store.
"""

from digest.sources._http.errors import HttpError
from digest.sources._http.exchange import Answer, Exchange, Limits, Transports
from digest.sources._http.fetcher import Gate, PollFetcher, Validators, open_gate
from digest.sources._http.providers import HOSTS, provider_of
from digest.sources._http.redact import redact
from digest.sources._http.retry_after import read_retry_after

__all__ = [
    "HOSTS",
    "Answer",
    "Exchange",
    "Gate",
    "HttpError",
    "Limits",
    "PollFetcher",
    "Transports",
    "Validators",
    "open_gate",
    "provider_of",
    "read_retry_after",
    "redact",
]
