"""Decide which stored paper a record speaks of: ids first, then a careful look at titles.

Only compares values: no database, no clock. Whoever calls loads the papers that own any of the
record's ids, or bear its title, and writes down what is decided. A false merge hides a paper for
ever, a false split shows it twice: in doubt it is the split, with a link that says so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b

from digest.model import PaperKey, Record
from digest.text.keys import fold_words, title_key, token_overlap

EXCLUSIVE = frozenset({"arxiv", "pmid", "openreview"})
"""Schemes in which one work has one id. Two DOIs are normal: preprint and journal."""

SCHEMES = ("arxiv", "doi", "rxiv", "openreview", "pmid", "pmcid", "openalex", "s2", "hn", "feed")
"""In the order in which an id becomes a paper's key."""

PREPRINT_DOIS = re.compile(r"doi:10\.(1101|64898|48550|21203|20944|26434|31234|31219|2139)/")
"""Registrants of preprint servers: bioRxiv and medRxiv, arXiv, Research Square, Preprints.org,
ChemRxiv, PsyArXiv, OSF, SSRN."""

MIN_TITLE_WORDS = 5
MIN_TITLE_LENGTH = 25
MIN_OVERLAP = 0.6
"""Jaccard overlap of title words that lets a claimed id be believed, given the first author."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What titles, authors and dates say of a paper or a record, ready to be compared."""

    title_key: str
    surname: str
    """First author's, folded; empty if unknown."""
    year: int | None

    @property
    def is_distinctive(self) -> bool:
        """Tell whether the title is long enough to recognise a paper by (not "Editorial")."""
        return _is_distinctive(self.title_key)


@dataclass(kw_only=True, eq=False)
class Known:
    """A paper as identity sees it: its ids (and who claims those of foreign schemes), its traits.

    Not frozen: a batch is decided record by record, each seeing what the last one added.
    """

    ref: int
    """Row id; negative for a paper that this batch makes."""
    ids: dict[PaperKey, str] = field(default_factory=dict)
    """Id -> source that asserts it; empty where the id's own source gave it."""
    title: str
    first_author: str = ""
    year: int | None = None
    first_seen_at: datetime
    new_at: datetime | None = None
    different: frozenset[int] = frozenset()
    """Papers that the owner said are not this one."""
    forms: frozenset[int] = frozenset()
    """The same work's preprint, or publications, which are papers of their own."""
    is_quiet: bool = False
    """It is the other form (preprint, publication) of a paper that was news already."""

    @cached_property
    def traits(self) -> Traits:
        """Return the traits, worked out when first compared."""
        return Traits(
            title_key=title_key(self.title), surname=surname(self.first_author), year=self.year
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Where a record belongs; everything empty means a paper never seen."""

    paper: Known | None = None
    absorbed: tuple[Known, ...] = ()
    """Papers that this record shows to be the same as ``paper``, to be merged into it."""
    seized: tuple[PaperKey, ...] = ()
    """Ids that other papers only claimed and this record owns."""
    withheld: tuple[PaperKey, ...] = ()
    """Ids that the record claims and is not believed."""
    maybe_same: tuple[Known, ...] = ()
    preprint_of: tuple[Known, ...] = ()
    """Published versions of this preprint."""
    published_from: tuple[Known, ...] = ()
    """Preprints of this publication."""


NEW = Decision()


def traits_of(record: Record, key: str = "") -> Traits:
    """Read the traits of a record; its title's key is worked out where it is not given."""
    at = record.published_at or record.announced_on
    return Traits(
        title_key=key or title_key(record.title),
        surname=surname(record.authors[0].name) if record.authors else "",
        year=at.year if at else None,
    )


def surname(name: str) -> str:
    """Return a name's last word, folded: equal for "Lovelace, A.", "Ada Lovelace", "A LOVELACE".

    >>> surname("Pérez-García, J."), surname("Martin Luther King, Jr.")
    ('perez garcia', 'king')
    """
    family, comma, rest = name.partition(",")
    if comma and fold_words(rest) not in _SUFFIXES:
        return fold_words(family)
    words = family.replace("-", "\0").split()
    while len(words) > 1 and fold_words(words[-1]) in _SUFFIXES:
        words.pop()
    return fold_words(words[-1].replace("\0", "-")) if words else ""


_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})


def title_hash(key: str) -> int | None:
    """Return 64 signed bits of a title's key, None for a title that recognises nothing."""
    if not _is_distinctive(key):
        return None
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), signed=True)


def _is_distinctive(key: str) -> bool:
    return len(key) >= MIN_TITLE_LENGTH and key.count(" ") >= MIN_TITLE_WORDS - 1


def best_key(ids: Mapping[PaperKey, str]) -> PaperKey:
    """Return the id that names the paper, whatever the order in which they were found.

    Ids that are only claimed count where there is no other.
    """
    sure = [key for key, claimed_by in ids.items() if not claimed_by]
    return min(sure or ids, key=_precedence)


def _precedence(key: PaperKey) -> tuple[int, int, str]:
    scheme = key.partition(":")[0]
    order = _ORDER.get(scheme, len(_ORDER))
    return order, len(key), key


_ORDER = {scheme: position for position, scheme in enumerate(SCHEMES)}


def resolve(
    record: Record, traits: Traits, owners: Mapping[PaperKey, Known], similar: Sequence[Known]
) -> Decision:
    """Decide which paper a record speaks of.

    ``owners`` maps those of the record's ids that are taken to their papers; ``similar`` are
    papers of the same distinctive title.
    """
    if not owners:
        return _by_title(record, traits, similar) if similar else NEW
    sure, believed, doubted = _weigh(record, traits, owners)
    seized, withheld = _disputed(record, owners, doubted)
    if not sure and not believed:
        found = _by_title(record, traits, [one for one in similar if one.ref not in doubted])
        return Decision(
            paper=found.paper,
            seized=seized,
            withheld=withheld,
            maybe_same=(*found.maybe_same, *doubted.values()),
            preprint_of=found.preprint_of,
            published_from=found.published_from,
        )
    paper, absorbed, refused = _merge(sure, believed)
    return Decision(
        paper=paper,
        absorbed=absorbed,
        seized=seized,
        withheld=withheld,
        maybe_same=(*refused, *doubted.values()),
    )


def may_merge(one: Known, other: Known) -> str:
    """Return why two papers must not become one; empty where they may.

    Titles are not looked at: the owner may know better.
    """
    if other.ref in one.different or one.ref in other.different:
        return "the owner said that they are different papers"
    for scheme in sorted(EXCLUSIVE):
        ours, theirs = _values(one, scheme), _values(other, scheme)
        if ours and theirs and ours != theirs:
            return f"each has its own {scheme} id: {', '.join(sorted(ours | theirs))}"
    return ""


def alike(one: Traits, other: Traits) -> bool:
    """Tell whether titles and first authors fit well enough to believe a claimed id."""
    if one.title_key == other.title_key:
        return True
    return (
        token_overlap(one.title_key, other.title_key) >= MIN_OVERLAP
        and bool(one.surname)
        and one.surname == other.surname
    )


def is_preprint(ids: Iterable[PaperKey]) -> bool:
    """Tell whether one of the ids is a preprint server's."""
    return any(
        key.startswith(("arxiv:", "rxiv:", "openreview:")) or PREPRINT_DOIS.match(key)
        for key in ids
    )


def is_published(ids: Iterable[PaperKey]) -> bool:
    """Tell whether one of the ids is a journal's or a bibliography's of journals."""
    return any(
        key.startswith(("pmid:", "pmcid:"))
        or (key.startswith("doi:") and not PREPRINT_DOIS.match(key))
        for key in ids
    )


def strong_ids(record: Record) -> tuple[PaperKey, ...]:
    """Return the ids that the record's source owns, the key first, each once."""
    return tuple(dict.fromkeys((record.key, *record.ids)))


def _weigh(
    record: Record, traits: Traits, owners: Mapping[PaperKey, Known]
) -> tuple[dict[int, Known], dict[int, Known], dict[int, Known]]:
    """Split the owners: same strong id; claimed and believable; claimed and not believed."""
    strong = set(strong_ids(record))
    sure: dict[int, Known] = {}
    claimed: dict[int, Known] = {}
    for key, paper in owners.items():
        if key in strong and not paper.ids.get(key):
            sure[paper.ref] = paper
        else:
            claimed[paper.ref] = paper
    believed = {
        ref: paper
        for ref, paper in claimed.items()
        if ref not in sure and alike(traits, paper.traits)
    }
    doubted = {
        ref: paper for ref, paper in claimed.items() if ref not in sure and ref not in believed
    }
    return sure, believed, doubted


def _disputed(
    record: Record, owners: Mapping[PaperKey, Known], doubted: Collection[int]
) -> tuple[tuple[PaperKey, ...], tuple[PaperKey, ...]]:
    strong = strong_ids(record)
    disputed = [key for key, paper in owners.items() if paper.ref in doubted]
    seized = tuple(key for key in disputed if key in strong)
    return seized, tuple(key for key in disputed if key not in strong)


def _merge(
    sure: Mapping[int, Known], believed: Mapping[int, Known]
) -> tuple[Known, tuple[Known, ...], tuple[Known, ...]]:
    """Return the paper to keep (the oldest), those merged into it, those refused."""
    papers = [
        *sorted(sure.values(), key=_age),
        *sorted(believed.values(), key=_age),
    ]
    group, refused = [papers[0]], []
    for other in papers[1:]:
        fits = any(alike(one.traits, other.traits) for one in group)
        if fits and not any(may_merge(one, other) for one in group):
            group.append(other)
        else:
            refused.append(other)
    group.sort(key=_age)
    return group[0], tuple(group[1:]), tuple(refused)


def _age(paper: Known) -> tuple[bool, datetime, int]:
    # Stored papers before those of this batch, whose refs count down: also where another process
    # stored them a moment later than this batch began, or the clock was set back.
    return paper.ref < 0, paper.first_seen_at, abs(paper.ref)


def _by_title(record: Record, traits: Traits, similar: Sequence[Known]) -> Decision:
    """Recognise a paper by title, first author and year; link where that is not enough."""
    ids = {*strong_ids(record), *record.asserted_ids}
    fitting = [paper for paper in similar if _fits(traits, paper.traits)]
    if not fitting:
        return NEW
    found = min(fitting, key=_age)
    others = {paper.ref for paper in fitting if paper is not found}
    if others - found.forms or _conflict(ids, found.ids):
        return Decision(maybe_same=tuple(fitting))
    ours = is_preprint(ids), is_published(ids)
    theirs = is_preprint(found.ids), is_published(found.ids)
    if ours == (True, False) and theirs == (False, True):
        return Decision(preprint_of=(found,))
    if ours == (False, True) and theirs == (True, False):
        return Decision(published_from=(found,))
    return Decision(paper=found)


def _fits(one: Traits, other: Traits) -> bool:
    if not one.is_distinctive or one.title_key != other.title_key:
        return False
    if not one.surname or one.surname != other.surname:
        return False
    return one.year is not None and other.year is not None and abs(one.year - other.year) <= 1


def _conflict(ids: Collection[PaperKey], others: Collection[PaperKey]) -> bool:
    """Tell whether both have ids of one scheme and none in common (for journals' DOIs, too)."""
    for scheme in (*EXCLUSIVE, "rxiv", "pmcid"):
        ours, theirs = _of(ids, scheme), _of(others, scheme)
        if ours and theirs and not ours & theirs:
            return True
    ours, theirs = _journal_dois(ids), _journal_dois(others)
    return bool(ours and theirs and not ours & theirs)


def _values(paper: Known, scheme: str) -> set[PaperKey]:
    return _of(paper.ids, scheme)


def _of(ids: Iterable[PaperKey], scheme: str) -> set[PaperKey]:
    return {key for key in ids if key.startswith(f"{scheme}:")}


def _journal_dois(ids: Iterable[PaperKey]) -> set[PaperKey]:
    return {key for key in ids if key.startswith("doi:") and not PREPRINT_DOIS.match(key)}
