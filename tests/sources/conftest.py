import pytest
from builders import NOON
from scripted import serving

from digest.plugins import resolve
from digest.sources._http import Exchange, Limits, PollFetcher, Transports


@pytest.fixture
def script():
    """Give a web server on loopback."""
    with serving() as served:
        yield served


@pytest.fixture
def asking():
    """Give a maker of fetchers as a poll has them."""
    transports = Transports(limits=Limits(total_s=5))

    def make(**more):
        exchange = Exchange(
            source="a",
            transport=transports.of("", allow_private=True),
            limits=transports.limits,
            user_agent="test/1",
        )
        return PollFetcher(source="a", exchange=exchange, now=lambda: NOON, **more)

    yield make
    transports.close()


@pytest.fixture
def source_of():
    """Give a maker of sources by kind and options."""

    def make(kind, **options):
        return resolve(kind, "digest.sources", "source")("a", options)

    return make
