"""A record with all that the diff stage needs to know of it, each thing worked out once.

It compares nothing: ``diff`` does.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

from digest.model import PaperKey, Record
from digest.papers.content import content_hash, encode, to_document
from digest.papers.flaws import flaw_of
from digest.papers.identity import Traits, title_hash, traits_of
from digest.papers.merge import fingerprint, is_withdrawn
from digest.text.keys import title_key

Name = tuple[str, str]
"""Under which a record is stored: its source, and the source's own name for it."""


@dataclass(frozen=True)
class Facts:
    """A record with what is worked out of it, once, and who said it."""

    record: Record
    source: str
    is_announcement: bool = True
    """Off for an answer about a paper that was asked for: that is no sighting."""

    @cached_property
    def native_id(self) -> str:
        """Return the source's own name for the record."""
        return self.record.native_id or self.record.key

    @cached_property
    def name(self) -> Name:
        """Return the name under which the record is stored."""
        return self.source, self.native_id

    @property
    def full_name(self) -> Name:
        """Return the name for a record whose native id is another paper's, too: bad guids."""
        return self.source, f"{self.native_id}|{self.record.key}"

    @cached_property
    def content(self) -> str:
        """Return the record as it is stored."""
        return encode(to_document(self.record))

    @cached_property
    def content_hash(self) -> str:
        """Return a hash of all that is stored."""
        return content_hash(self.content)

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash of what a reader would notice."""
        record = self.record
        return fingerprint(
            record.title, record.abstract, record.authors, withdrawn=self.is_withdrawn
        )

    @cached_property
    def is_withdrawn(self) -> bool:
        """Tell whether the record says so."""
        return is_withdrawn(self.record)

    @cached_property
    def traits(self) -> Traits:
        """Return what identity compares."""
        return traits_of(self.record, self.title_key)

    @cached_property
    def title_key(self) -> str:
        """Return the title as titles are compared."""
        return title_key(self.record.title)

    @cached_property
    def title_hash(self) -> int | None:
        """Return the hash of a title that may recognise a paper."""
        return title_hash(self.title_key)

    @cached_property
    def flaw(self) -> str:
        """Return why no database could keep the record; empty for nearly all."""
        return flaw_of(self.record, ids=self.all_ids, name=self.full_name[1], content=self.content)

    @property
    def marks(self) -> set[Hashable]:
        """Return everything by which the record may be recognised: ids, name, title."""
        marks: set[Hashable] = {*self.all_ids, self.name}
        if self.title_hash is not None:
            marks.add(self.title_hash)
        return marks

    def prepared(self) -> Facts:
        """Work everything out now, where there is time for it."""
        if not self.flaw:
            _ = self.name, self.content_hash, self.fingerprint, self.title_hash
        return self

    @cached_property
    def all_ids(self) -> tuple[PaperKey, ...]:
        """Return every id that the record bears, its key first; some may come twice."""
        record = self.record
        return record.key, *record.ids, *record.asserted_ids
