"""What happens to a paper after it was announced: events are written once, and only real ones."""

from datetime import timedelta

import pytest
from builders import NOON, a_record
from sqlalchemy import select

from digest.model import Link
from digest.sources._arxiv_feed import is_withdrawn
from digest.store import tables
from digest.store.ingest import ingest

TITLE = "Careful studies of many interesting things"


@pytest.fixture
def told(engine):
    """Ingest one record after the other and return the kinds of events, in order."""

    def tell(*records):
        for hour, record in enumerate(records):
            with engine.begin() as connection:
                ingest(
                    connection, source=record.source, records=[record],
                    now=NOON + timedelta(hours=hour),
                )  # fmt: skip
        with engine.begin() as connection:
            events = tables.events.c
            return list(connection.scalars(select(events.kind).order_by(events.at, events.id)))

    return tell


def version(number, title=TITLE, **more):
    native_id = f"oai:arXiv.org:2604.00001v{number}"
    return a_record(title=title, version=number, native_id=native_id, **more)


def test_another_title_is_an_event_and_another_spelling_is_not(told):
    same, other = "Careful Studies of {Many} interesting things!", "A critique of pure things"
    assert told(version(1), version(2, same), version(3, other)) == [
        "new", "new-version", "new-version", "retitled",
    ]  # fmt: skip


def test_a_paper_is_withdrawn_once_and_stays_so(told):
    gone = version(2, withdrawn=True)
    assert told(version(1), gone, gone, version(1)) == ["new", "new-version", "withdrawn"]


def test_what_moves_with_every_poll_is_no_event(told):
    records = [
        version(1, links=(Link(kind="code", url=f"https://github.com/x/{n}"),)) for n in range(4)
    ]
    assert told(*records) == ["new"]


@pytest.mark.parametrize(
    ("abstract", "comment", "expected"),
    [
        ("", "This paper has been withdrawn by the authors", True),
        ("", "This submission has been withdrawn due to violation of arXiv policy", True),
        ("This paper has been withdrawn due to an error in Lemma 2.", "", True),
        ("Withdrawn.", "", True),
        ("We study papers that were withdrawn.", "9 pages", False),
        ("Troops were withdrawn in 1990.", "", False),
        ("", "Withdrawn due to an error", True),
        ("", "Withdrawn from another venue? No: accepted", False),
    ],
)
def test_withdrawals_are_read_in_the_authors_words(abstract, comment, expected):
    assert is_withdrawn(abstract, comment) is expected
