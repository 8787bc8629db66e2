"""Papers of one day and any number of readers with lifelike interests, written to a store.

Topics differ in how many papers and how many readers they have; words of a topic go together, as
they do in titles. The same numbers and seed give the same crowd.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, insert

from digest.model import Interest, Profile, Schedule, Term
from digest.store.database import is_sqlite
from digest.store.profiles import to_document
from digest.store.tables import papers, profiles, signals, subscribers, subscriptions

SYLLABLES = tuple(
    "ba ce di fo gu la me ni po ru sa te vi xo zu kra ple stri mon tor".split()  # noqa: SIM905
)
CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "cs.AI", "cs.RO", "stat.ML", "q-bio.QM", "math.OC")
COMMON = tuple(
    "learning model method data large efficient robust analysis towards network "  # noqa: SIM905
    "general adaptive framework study evaluation approach training deep".split()
)
TOPICS = 60
CHUNK = 5000


def fill(
    connection: Connection,
    *,
    people: int,
    works: int,
    due_at: datetime,
    seed: int = 4,
    on_progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write papers with votes, and confirmed subscribers whose slot is due.

    Progress is told in rows: three a subscriber.
    """
    chance = random.Random(seed)
    topics = [_topic(chance) for _ in range(TOPICS)]
    made_at = due_at - timedelta(hours=6)
    popular = [1 / (rank + 1) for rank in range(TOPICS)]
    _write(connection, papers, _papers(chance, topics, popular, works, made_at))
    _write(
        connection,
        signals,
        (
            {"paper_id": n, "kind": "hf_upvotes", "observed_at": made_at, "value": votes}
            for n in range(1, works + 1)
            if (votes := int(chance.paretovariate(0.8)) - 1)
        ),
    )
    _write(
        connection,
        subscribers,
        (
            {
                "id": n,
                "address": f"r{n}@d{n % 997}.example.org",
                "address_key": f"r{n}@d{n % 997}.example.org",
                "status": "confirmed",
                "created_at": made_at,
                "confirmed_at": made_at,
            }
            for n in range(1, people + 1)
        ),
        on_progress,
    )
    _write(connection, profiles, _profiles(chance, topics, popular, people, made_at), on_progress)
    _write(
        connection,
        subscriptions,
        (
            {
                "id": n,
                "subscriber_id": n,
                "profile_id": n,
                "status": "confirmed",
                "created_at": made_at,
                "next_slot_at": due_at,
            }
            for n in range(1, people + 1)
        ),
        on_progress,
    )


def _topic(chance: random.Random) -> tuple[str, ...]:
    return tuple("".join(chance.choices(SYLLABLES, k=3)) for _ in range(14))


def _papers(
    chance: random.Random,
    topics: Sequence[Sequence[str]],
    popular: Sequence[float],
    count: int,
    at: datetime,
) -> Iterator[dict[str, Any]]:
    for n in range(1, count + 1):
        main, aside = chance.choices(topics, popular, k=2)
        words = [*main, *main, *aside, *COMMON]
        sentences = (
            " ".join(chance.choices(words, k=chance.randint(12, 24))).capitalize()
            for _ in range(chance.randint(5, 8))
        )
        yield {
            "id": n,
            "key": f"arxiv:2604.{n:05}",
            "title": " ".join(chance.choices(main, k=4) + chance.choices(COMMON, k=4)).capitalize(),
            "abstract": ". ".join(sentences) + ".",
            "authors": [{"name": f"{chance.choice(main).title()} {chance.choice(aside).title()}"}],
            "categories": chance.sample(CATEGORIES, 2),
            "keywords": [],
            "links": [],
            "url": f"https://arxiv.org/abs/2604.{n:05}",
            "published_at": at,
            "announced_on": at.date(),
            "first_seen_at": at,
            "new_at": at,
            "fingerprint": f"1:{n}",
        }


def _profiles(
    chance: random.Random,
    topics: Sequence[Sequence[str]],
    popular: Sequence[float],
    count: int,
    at: datetime,
) -> Iterator[dict[str, Any]]:
    for n in range(1, count + 1):
        wanted = chance.choices(topics, popular, k=chance.choice((1, 1, 2, 3)))
        profile = Profile(
            name=f"p{n}",
            interests=tuple(
                Interest(
                    name=f"interest {number}",
                    terms=tuple(Term(text=w) for w in chance.sample(topic, chance.randint(2, 6))),
                    categories=tuple(chance.sample(CATEGORIES, chance.choice((0, 0, 1)))),
                )
                for number, topic in enumerate(wanted)
            ),
            max_papers=chance.choice((5, 10, 10, 20)),
            trending_weight=chance.choice((0.1, 0.3, 0.3, 0.6)),
            all_titles=False,
            schedule=Schedule(),
        )
        yield {
            "id": n,
            "origin": "web",
            "name": f"p{n}",
            "document": to_document(profile),
            "created_at": at,
            "changed_at": at,
        }


def _write(
    connection: Connection,
    table: Table,
    rows: Iterator[dict[str, Any]],
    on_progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write rows by COPY where there is one: a million take minutes otherwise."""
    while chunk := list(itertools.islice(rows, CHUNK)):
        if is_sqlite(connection):
            connection.execute(insert(table), chunk)
        else:
            _copy(connection, table, chunk)
        on_progress(len(chunk))


def _copy(connection: Connection, table: Table, chunk: Sequence[dict[str, Any]]) -> None:
    names = list(chunk[0])
    raw = connection.connection.driver_connection
    with (
        raw.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy,
    ):
        for row in chunk:
            copy.write_row([_plain(row[name]) for name in names])


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
