"""An export of subscribers, taken in by a fresh installation, is the same list of people."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, a_profile, an_interest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.actions import own_profiles, subscriber_lists, subscribers, unsubscribing
from digest.app import App
from digest.config import ProfileFile, load_config
from digest.model import Schedule, SubscriberStatus
from digest.store import database, libraries, profiles, suppressions
from digest.store import subscribers as rows
from digest.store.suppressions import Suppression
from digest.subscribers.addresses import address_hmac
from digest.subscribers.lists import ListFormat

NAMES = ("ml", "robots")
LATER = NOON + timedelta(days=40)
LIBRARY = json.dumps([{"id": "a", "title": "On, \"quotes\"\nand 'lines' — ü"}]).encode()


def config_of(folder):
    config = load_config(overrides={"digest": {"data_dir": str(folder), "secret": "s" * 40}})
    files = [
        ProfileFile(
            profile=a_profile(name, schedule=Schedule()), addresses=(), path=Path(f"{name}.toml")
        )
        for name in NAMES
    ]
    return replace(config, profiles=tuple(files))


@contextmanager
def installation(folder, now=NOON):
    folder.mkdir(parents=True, exist_ok=True)
    engine = database.open_engine(f"sqlite:///{folder}/digest.db")
    database.upgrade(engine)
    yield App(config_of(folder), lambda: now, engine)
    engine.dispose()


def own(number, words, with_library):
    interests = (an_interest(words or "x", "careful studies"),)
    if with_library:
        interests += (replace(an_interest("My library", "x"), library="uploaded"),)
    return a_profile(f"web-{number}", title=words, interests=interests)


def add(app, number, person):
    """Store a person who is as this says."""
    address = f"{'=+' if number % 2 else ''}reader{number}@example.org"
    status = person["status"]
    with app.writing() as connection:
        row_id = rows.ensure(connection, address, status=status, now=NOON, via="page")
        for name in person["files"]:
            found = profiles.find(connection, name)
            subscribe(connection, row_id, found.row_id, status, profiles.CONFIG)
        for place, (words, with_library) in enumerate(person["own"]):
            profile = own(f"{number}-{place}", words, with_library)
            if with_library:
                name = libraries.keep(connection, row_id, LIBRARY, papers=1, now=NOON)
                profile = own_profiles.renamed(profile, {"uploaded": name})
            profile_id, _ = profiles.save(connection, profile, origin=profiles.WEB, now=NOON)
            subscribe(connection, row_id, profile_id, status, profiles.WEB)
        if person["why"]:
            mark = address_hmac(app.secret_keys, address)
            entry = Suppression(address_hmac=mark, reason=person["why"], at=NOON)
            suppressions.add(connection, [entry])
    if person["why"]:
        unsubscribing.leave(app, row_id, via="test")


def subscribe(connection, subscriber_id, profile_id, status, via):
    profiles.subscribe(
        connection, subscriber_id=subscriber_id, profile_id=profile_id, status=status,
        next_slot_at=None, now=NOON, via=via,
    )  # fmt: skip


def exported(app):
    return list(subscriber_lists.export_list(app, ListFormat.DIGEST))


def taken(app, lines):
    return subscriber_lists.import_list(app, "".join(lines).encode(), name="readers.csv")


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from([SubscriberStatus.CONFIRMED, SubscriberStatus.UNCONFIRMED]),
            "files": st.sets(st.sampled_from(NAMES)),
            "own": st.lists(st.tuples(st.text(max_size=20), st.booleans()), max_size=2),
            "why": st.sampled_from(["", "", "", *suppressions.REASONS]),
        }
    ),
    max_size=6,
)


@given(people=PEOPLE)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_everybody_arrives_as_they_were(tmp_path_factory, people):
    with installation(tmp_path_factory.mktemp("old")) as old:
        taken(old, ["address\n"])  # the profiles of the files come with the first command
        for number, person in enumerate(people):
            add(old, number, person)
        before = exported(old)
        everybody = subscribers.page(old).items
    with installation(tmp_path_factory.mktemp("new"), now=LATER) as new:
        report = taken(new, before)
        assert (report.bad, report.added) == ((), len(people))
        assert sorted(exported(new)) == sorted(before)
        arrived = {p.address: p for p in subscribers.page(new).items}
        for person in everybody:
            here = arrived[person.address]
            assert (here.suppression, here.created_at) == (person.suppression, person.created_at)
            if person.status is SubscriberStatus.CONFIRMED:
                assert here.confirmed_at == person.confirmed_at
        again = taken(new, before)
        assert (again.added, again.subscribed, again.bad) == (0, 0, ())
        assert sorted(exported(new)) == sorted(before)


@pytest.fixture
def moved(tmp_path):
    """Give a reader of the page, with a library, on a fresh installation."""
    with installation(tmp_path / "old") as old:
        reader = {"status": SubscriberStatus.CONFIRMED, "files": set(), "why": ""}
        add(old, 0, reader | {"own": [("Folding", True)]})
        lines = exported(old)
    with installation(tmp_path / "new", now=LATER) as new:
        taken(new, lines)
        yield new


def test_a_reader_of_the_page_keeps_interests_library_and_the_next_slot(moved):
    with moved.reading() as connection:
        [found] = profiles.subscriptions_of(connection)
        library = found.profile.interests[1].library
        assert found.profile.title == "Folding"
        assert json.loads(libraries.load(connection, [library])[library]) == json.loads(LIBRARY)
        assert profiles.is_own(connection, found)
        assert found.via == profiles.WEB
    assert found.next_slot_at > LATER


@pytest.mark.parametrize(
    "cell",
    [
        "{", "[1]", "{}", "[" * 5000, '[{"profile": 1}]', '[{"profile": {"interests": 3}}]',
        '[{"profile": {}, "libraries": [1]}]', '[{"profile": {}, "libraries": 1}]',
    ],
)  # fmt: skip
def test_a_cell_that_is_none_of_ours_costs_its_line_alone(tmp_path, cell):
    quoted = '"' + cell.replace('"', '""') + '"'
    lines = [
        "address,status,own_profiles\n",
        f"ada@example.org,confirmed,{quoted}\n",
        "b@example.org,confirmed,\n",
    ]
    with installation(tmp_path / "new") as app:
        report = taken(app, lines)
    assert (report.added, [bad.line for bad in report.bad]) == (1, [2])
    assert "own_profiles" in report.bad[0].reason


def test_no_file_of_the_machine_comes_in_as_a_library(tmp_path):
    document = profiles.to_document(a_profile("x"))
    document["interests"][0]["library"] = "/etc/passwd"
    cell = json.dumps([{"profile": document}]).replace('"', '""')
    with installation(tmp_path / "new") as app:
        taken(app, ["address,own_profiles\n", f'ada@example.org,"{cell}"\n'])
        with app.reading() as connection:
            [found] = profiles.subscriptions_of(connection)
    assert found.profile.interests[0].library == ""
