"""Ten recorded days of Hugging Face and arXiv through the real parsers: none missed, none twice."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from builders import NOON
from corpus import SHARED

from digest.model import AnnounceType, Record
from digest.sources import Body
from digest.sources import huggingface as hf
from digest.store import database, papers
from digest.store.ingest import ingest

DAYS = SHARED / "replay" / "days"


@pytest.mark.skipif(not DAYS.is_dir(), reason="the recorded days are not here")
def test_recorded_days_give_each_paper_once_and_miss_none(engine):
    source = hf.source("hf", {})
    announced: list[str] = []
    listed: set[str] = set()
    for folder in sorted(DAYS.iterdir())[:10]:
        now = datetime.combine(date.fromisoformat(folder.name), NOON.time(), UTC)
        batches = [("arxiv", arxiv_records(folder / "arxiv.jsonl"))]
        daily = folder / "hf_daily_papers.json"
        if daily.exists():
            content = daily.read_bytes()
            body = Body(
                url=f"https://huggingface.co/api/daily_papers?date={folder.name}",
                content=content,
                content_type="application/json",
                fetched_at=now,
                label=folder.name,
            )
            batches.append(("hf", list(source.parse(body).records)))
            listed |= {f"arxiv:{item['paper']['id']}" for item in json.loads(content)}
        for _twice in range(2):
            for name, batch in batches:
                with engine.begin() as connection:
                    counts = ingest(connection, source=name, records=batch, now=now)
                assert counts.rejected == 0
        listed |= {one.key for one in batches[0][1] if one.announce_type in ("new", "cross")}
        with database.reading(engine) as connection:
            found = papers.candidates(
                connection, window_start=now, window_end=now + timedelta(days=1)
            )
        announced += [paper.key for paper in found]
    assert len(announced) == len(set(announced))
    missed = listed - set(announced)
    with database.reading(engine) as connection:
        told = papers.by_key(connection, missed)
    assert all(paper.withdrawn for paper in told.values()), sorted(missed)[:10]
    assert len(told) == len(missed)
    assert len(announced) > 1000


def arxiv_records(path):
    """Read announcement events: one record per paper and version."""
    if not path.exists():
        return []
    return [record for line in path.read_text().splitlines() if (record := one(json.loads(line)))]


def one(event):
    return Record(
        source="arxiv",
        key=f"arxiv:{event['id']}",
        native_id=f"oai:arXiv.org:{event['id']}v{event.get('version', 1)}",
        title=event["title"],
        abstract=event.get("abstract", ""),
        url=f"https://arxiv.org/abs/{event['id']}",
        version=event.get("version", 1),
        announce_type=AnnounceType(event["announce_type"]),
    )
