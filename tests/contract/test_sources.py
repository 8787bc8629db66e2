"""Every kind of source found on disk keeps the same promises."""

from __future__ import annotations

import copy
import dataclasses
import json
import pkgutil
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from corpus import SHARED
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

import digest.sources
from digest.errors import ConfigError, SourceError
from digest.model import Record
from digest.plugins import resolve
from digest.sources import Batch, Body, Source
from digest.text.clean import clean

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = sorted(
    module.name
    for module in pkgutil.iter_modules(digest.sources.__path__)
    if not module.name.startswith("_") and not module.ispkg
)
SEEN_AT = datetime(2026, 4, 14, 12, tzinfo=UTC)
NOT_FOLDERS = {"email", "dsn", "bounces"}


@dataclasses.dataclass(frozen=True)
class Golden:
    kind: str
    path: Path
    options: dict[str, Any]
    body: Body

    def source(self) -> Source:
        return resolve(self.kind, "digest.sources", "source")("golden", copy.deepcopy(self.options))

    @property
    def expected(self) -> Path:
        return self.path.with_name(f"{self.path.stem}.expected.json")


def _goldens(kind: str) -> list[Golden]:
    folder = GOLDEN / kind
    if not (folder / "options.toml").is_file():
        return []
    settings = tomllib.loads((folder / "options.toml").read_text(encoding="utf-8"))
    found = []
    for stem, fields in settings.get("bodies", {}).items():
        path = next(p for p in folder.glob(f"{stem}.*") if not p.name.endswith(".expected.json"))
        body = Body(content=path.read_bytes(), **fields)
        found.append(Golden(kind, path, settings.get("options", {}), body))
    return found


ALL = [golden for kind in KINDS for golden in _goldens(kind)]
each_golden = pytest.mark.parametrize("golden", ALL, ids=lambda g: f"{g.kind}-{g.path.stem}")
each_kind = pytest.mark.parametrize("kind", KINDS)

RUBBISH = {
    "nothing": b"",
    "blank": b" \n\t ",
    "web page": b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
    "bare html": b"<html><body>Rate exceeded.</body></html>",
    "text": b"Rate exceeded.",
    "json error": b'{"error": "Too many requests", "message": "slow down"}',
    "json null": b"null",
    "json number": b"17",
    "json string": b'"hello"',
    "binary": bytes(range(256)) * 8,
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "xml": b"<?xml version='1.0'?><note><to>you</to></note>",
    "half json": b'[{"paper": {"id": "2604.0',
    "half xml": b"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'><entry><id>x",
}


def snapshot(batch: Batch) -> Any:
    return to_jsonable_python(dataclasses.asdict(batch))


def test_every_kind_has_golden_data():
    assert [kind for kind in KINDS if not _goldens(kind)] == []


def test_no_golden_file_is_unused():
    used = {path for golden in ALL for path in (golden.path, golden.expected)}
    used |= {GOLDEN / kind / "options.toml" for kind in KINDS}
    found = {p for kind in KINDS for p in (GOLDEN / kind).rglob("*") if p.is_file()}
    assert found - used == set()


@each_golden
def test_a_golden_body_gives_the_recorded_batch(golden, request):
    found = snapshot(golden.source().parse(golden.body))
    if request.config.getoption("--record"):
        golden.expected.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    assert found == json.loads(golden.expected.read_text(encoding="utf-8"))


@each_golden
def test_parsing_is_pure(golden):
    source = golden.source()
    assert source.parse(golden.body) == source.parse(golden.body)


@each_golden
def test_records_are_fit_to_store_and_show(golden):
    for record in golden.source().parse(golden.body).records:
        assert_fit(record)


def assert_fit(record: Record) -> None:
    for key in (record.key, *record.ids, *record.asserted_ids):
        scheme, _, value = key.partition(":")
        assert scheme.isalnum()
        assert scheme.islower()
        assert value
        assert len(key) <= 300
    assert record.source == "golden"
    assert record.title
    assert record.native_id
    assert len(record.native_id) <= 400
    assert record.published_at is None or record.published_at.tzinfo is not None
    for text in (record.title, record.abstract, record.summary, record.comment, record.venue):
        assert text == clean(text)
    for author in record.authors:
        assert author.name == clean(author.name) != ""
    for url in (record.url, *(link.url for link in record.links)):
        assert url.startswith(("http://", "https://"))
    assert len(record.categories) == len(set(record.categories))


@each_kind
@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_is_an_error_not_a_quiet_day(kind, rubbish):
    for golden in _goldens(kind):
        body = dataclasses.replace(golden.body, content=RUBBISH[rubbish])
        with pytest.raises(SourceError) as caught:
            golden.source().parse(body)
        assert caught.value.source == "golden"
        assert caught.value.reason


@each_kind
def test_an_unknown_option_is_refused(kind):
    options = {**_goldens(kind)[0].options, "colour": "blue"}
    with pytest.raises((ValidationError, ConfigError)):
        resolve(kind, "digest.sources", "source")("golden", options)


@each_kind
def test_a_source_says_who_it_is(kind):
    source = _goldens(kind)[0].source()
    assert source.kind == kind
    assert source.name == "golden"
    assert source.provider


@each_golden
def test_every_parser_survives_every_other_kinds_bodies(golden):
    for other in ALL:
        parse_or_refuse(
            golden.source(), dataclasses.replace(golden.body, content=other.body.content)
        )


@each_golden
def test_a_body_cut_anywhere_is_never_a_crash(golden):
    content = golden.body.content
    for cut in range(0, len(content), max(1, len(content) // 40)):
        parse_or_refuse(golden.source(), dataclasses.replace(golden.body, content=content[:cut]))


def parse_or_refuse(source: Source, body: Body) -> Batch | None:
    """Parse; the only exception that may come is SourceError, and what is read is fit."""
    try:
        batch = source.parse(body)
    except SourceError:
        return None
    for record in batch.records:
        assert_fit(record)
    return batch


def payloads() -> list[Path]:
    skipped = {".md", ".py", ".npz", ".xz"}
    folder = SHARED / "payloads"
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in skipped)


@pytest.mark.slow
@each_kind
@pytest.mark.skipif(not (SHARED / "payloads").is_dir(), reason="no folder of recorded answers")
def test_every_parser_survives_real_and_nasty_answers(kind):
    golden = _goldens(kind)[0]
    source = golden.source()
    for path in payloads():
        content = path.read_bytes()
        for label in {golden.body.label for golden in _goldens(kind)}:
            parse_or_refuse(source, dataclasses.replace(golden.body, content=content, label=label))
