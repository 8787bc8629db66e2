"""Lists of subscribers into a real store, on both databases."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, a_profile

from digest.actions import erasing, profiles, subscriber_lists, subscribers
from digest.app import App
from digest.config import ProfileFile, load_config
from digest.errors import MissingError
from digest.model import Schedule, SubscriberStatus
from digest.store import subscribers as rows
from digest.store import suppressions
from digest.store.suppressions import Suppression
from digest.subscribers.addresses import address_hmac
from digest.subscribers.lists import ListFormat

CONFIRMED = SubscriberStatus.CONFIRMED


@pytest.fixture
def app(engine, tmp_path):
    config = load_config(overrides={"digest": {"data_dir": str(tmp_path), "secret": "s" * 40}})
    files = [
        ProfileFile(
            profile=a_profile(name, schedule=Schedule()), addresses=(), path=Path(f"{name}.toml")
        )
        for name in ("ml", "robots")
    ]
    return App(replace(config, profiles=tuple(files)), lambda: NOON, engine)


def take(app, *lines, **options):
    content = "\n".join(("address,status,profiles", *lines)).encode()
    return subscriber_lists.import_list(app, content, name="list.csv", **options)


def statuses(app):
    return {p.address: (p.status.value, p.suppression) for p in subscribers.page(app).items}


def suppress(app, address, reason):
    with app.writing() as connection:
        mark = address_hmac(app.secret_keys, address)
        suppressions.add(connection, [Suppression(address_hmac=mark, reason=reason, at=NOON)])


def counted(report):
    return report.added + report.known + report.held + report.duplicates + len(report.bad)


def test_rows_become_subscribers_with_their_proof(app):
    report = take(app, "ada@example.org,confirmed,ml|robots", "alan@example.org,confirmed,ml")
    assert (report.rows, report.added, report.subscribed) == (2, 2, 3)
    with app.reading() as connection:
        person = rows.find(connection, "ada@example.org")
        (event,) = rows.consents_of(connection, person.row_id)
    assert (event.kind, event.via) == ("imported", "import")
    assert event.detail == {"file": "list.csv", "line": 2, "since": ""}


def test_the_first_edition_comes_at_the_next_slot_and_not_at_once(app):
    take(app, "ada@example.org,confirmed,ml")
    (line,) = subscribers.listing(app, address="ada@example.org")
    assert NOON < line.next_slot_at < NOON + timedelta(days=1)


@pytest.mark.parametrize("reason", ["unsubscribed", "hard", "complaint", "manual", "bomb"])
def test_a_suppressed_address_is_never_revived(app, reason):
    suppress(app, "ada@example.org", reason)
    report = take(app, "Ada@Example.org,confirmed,ml")
    assert (report.held, report.added) == (1, 0)
    assert statuses(app) == {}


def test_who_left_stays_out(app):
    take(app, "ada@example.org,confirmed,ml")
    subscribers.remove(app, "ada@example.org")
    report = take(app, "ada@example.org,confirmed,ml|robots")
    assert (report.held, report.subscribed) == (1, 0)
    assert statuses(app) == {"ada@example.org": ("unsubscribed", "unsubscribed")}


def test_who_left_elsewhere_is_out_here_too(app):
    take(app, "ada@example.org,confirmed,ml", "eve@example.org,confirmed,ml")
    take(app, "ada@example.org,disabled,", "eve@example.org,blocklisted,")
    assert statuses(app) == {
        "ada@example.org": ("unsubscribed", "unsubscribed"),
        "eve@example.org": ("unsubscribed", "manual"),
    }


def test_of_two_rows_on_one_address_the_one_for_less_mail_counts(app):
    report = take(app, "ada@example.org,confirmed,ml", "ADA@example.org,unsubscribed,ml")
    assert (report.duplicates, report.added) == (1, 1)
    assert statuses(app)["ada@example.org"][0] == "unsubscribed"


def test_every_row_is_counted_once(app):
    suppress(app, "out@example.org", "hard")
    take(app, "known@example.org,confirmed,ml")
    report = take(
        app, "known@example.org,confirmed,robots", "out@example.org,confirmed,ml",
        "new@example.org,confirmed,ml",
        "new@example.org,confirmed,robots", "rubbish,,ml", "x@example.org,confirmed,nowhere",
    )  # fmt: skip
    assert counted(report) == report.rows == 6
    assert [(bad.line, bad.reason) for bad in report.bad] == [
        (6, "expected an address such as ada@example.org"),
        (7, "there is no profile called 'nowhere'"),
    ]


def test_the_same_file_twice_changes_nothing_the_second_time(app):
    lines = [f"r{n}@example.org,confirmed,ml" for n in range(2300)]
    assert take(app, *lines).added == 2300
    report = take(app, *lines)
    assert (report.added, report.known, report.subscribed) == (0, 2300, 0)


def test_a_dry_run_counts_and_keeps_nothing(app):
    report = take(app, "ada@example.org,confirmed,ml", dry_run=True)
    assert (report.added, report.subscribed, report.is_dry_run) == (1, 1, True)
    assert statuses(app) == {}


def test_rows_without_a_profile_get_the_one_that_was_named(app):
    assert take(app, "ada@example.org,confirmed,", profile_names=["ml"]).subscribed == 1
    assert take(app, "bob@example.org,confirmed,").without_profile == 1
    with pytest.raises(MissingError, match="nowhere"):
        take(app, "eve@example.org,confirmed,", profile_names=["nowhere"])


def test_an_imported_subscriber_survives_the_next_look_at_the_profile_files(app):
    take(app, "ada@example.org,confirmed,ml")
    subscribers.add(app, "grace@example.org", ["ml"])
    report = subscriber_lists.import_list(app, b"address\n", name="empty")
    assert report.rows == 0  # brought profiles in line with their files, which name nobody
    assert len(subscribers.listing(app)) == 2


def test_a_file_that_still_names_an_erased_reader_brings_no_row_back(app):
    named = tuple(
        replace(item, addresses=("ada@example.org", "bob@example.org"))
        for item in app.config.profiles
    )
    app = replace(app, config=replace(app.config, profiles=named))
    profiles.sync(app)
    erasing.erase(app, subscribers.identify(app, "ada@example.org"), via="owner")
    assert profiles.sync(app).problems == ()
    assert set(statuses(app)) == {"bob@example.org"}


def test_an_export_says_who_is_suppressed_and_listmonks_leaves_them_out(app):
    take(app, "ada@example.org,confirmed,ml|robots", "eve@example.org,confirmed,ml")
    suppress(app, "eve@example.org", "complaint")
    own = "".join(subscriber_lists.export_list(app, ListFormat.DIGEST))
    assert "ada@example.org,confirmed,ml|robots" in own
    assert "eve@example.org,unsubscribed,ml" in own
    theirs = "".join(subscriber_lists.export_list(app, ListFormat.LISTMONK))
    assert "eve@example.org" not in theirs
    assert 'ada@example.org,ada,"{""profiles"": [""ml"", ""robots""]}",enabled' in theirs
