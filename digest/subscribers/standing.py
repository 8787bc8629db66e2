"""Whether a row of a list wants mail, by all of its columns and its file's name. Pure.

Default deny: of several columns the one that asks for the least mail counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digest.errors import UsageError
from digest.model import SubscriberStatus
from digest.subscribers.columns import (
    CHOICES,
    Meaning,
    is_no,
    is_yes,
    may_refuse,
    meaning_of,
    reason_of,
    words_of,
)
from digest.text.clean import clean

_CONFIRMED, _UNCONFIRMED, _UNSUBSCRIBED = (
    SubscriberStatus.CONFIRMED,
    SubscriberStatus.UNCONFIRMED,
    SubscriberStatus.UNSUBSCRIBED,
)
_SHOWN = 3
"""Cells that an error shows."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a row or a file says of mail."""

    status: SubscriberStatus = _CONFIRMED
    reason: str = ""
    """Why the address is not mailed: of suppressions' reasons; empty unless unsubscribed."""


WANTED = Wish()
_WAITS = Wish(status=_UNCONFIRMED)
_LEFT = Wish(status=_UNSUBSCRIBED, reason="unsubscribed")
_WORDS: dict[str, Wish] = {
    word: wish
    for wish, words in (
        (
            WANTED,
            "confirmed,enabled,subscribed,active,free,paid,comp,gift,gifted,premium,regular,"
            "trialed,ok,mail,digest,digestplain,summary,notice,txt,html,urlize,not me,opted in,"
            "opt in,optin,single opt in,double opt in,yes,true",
        ),
        (
            _WAITS,
            ",unconfirmed,pending,unactivated,validating,not confirmed,pending confirmation,"
            "not subscribed,nonsubscribed,non subscribed,never subscribed,transactional,"
            "no consent,upcoming,needs attention,paused,suspended,on hold,churned,churning,"
            "past due,expired,unknown,none,soft bounced,null",
        ),
        (
            _LEFT,
            "unsubscribed,disabled,cancelled,canceled,removed,deleted,inactive,archived,optout,"
            "opted out,opt out,nomail,no mail,by user,by moderator,left,signed off,withdrawn,"
            "revoked,no,false",
        ),
        (
            Wish(status=_UNSUBSCRIBED, reason="manual"),
            "blocklisted,suppressed,blacklisted,blocked,banned",
        ),
        (
            Wish(status=_UNSUBSCRIBED, reason="complaint"),
            "complained,complaint,spam,spammy,marked as spam,reported spam,abuse",
        ),
        (
            Wish(status=_UNSUBSCRIBED, reason="hard"),
            "bounced,bouncing,cleaned,unreachable,undeliverable,invalid,hard bounced,"
            "hard bounce,by bounces,bounce",
        ),
    )
    for word in words.split(",")
}
_WEAKEST = (_CONFIRMED, _UNCONFIRMED, _UNSUBSCRIBED)
_REASONS = ("", "unsubscribed", "hard", "complaint", "manual")
_WAITING_FILES = ("nonsubscribed", "notsubscribed", "unconfirmed", "pending", "unactivated")
_DOUBTS = frozenset({"not", "no", "without", "minus", "except", "after", "non", "never"})


def least(one: Wish, other: Wish) -> Wish:
    """Return the wish for less mail; of two refusals, the one for the stronger reason."""
    return max(one, other, key=lambda w: (_WEAKEST.index(w.status), _REASONS.index(w.reason)))


def of_word(cell: str) -> Wish | None:
    """Return what a word for a status means; None where it is not known."""
    return _WORDS.get(" ".join(words_of(cell)))


def of_file(name: str) -> Wish:
    """Return what the name of a file says of everybody in it.

    Raises UsageError where it may be a list of people who left, or of those who remain.
    """
    words = words_of(name.rpartition(".")[0] or name)
    joined = "".join(words)
    if any(part in joined for part in _WAITING_FILES):
        return _WAITS
    reason = reason_of(words)
    if not reason:
        return WANTED
    is_doubtful = _DOUBTS & set(words) or (
        "cleaned" in joined and "member" not in joined and "contact" not in joined
    )
    if is_doubtful:
        raise UsageError(
            f"the file name {name[:80]!r} may mean that its people must not get mail; rename it "
            "to subscribers.csv if they want mail, or to unsubscribed.csv if they left"
        )
    return Wish(status=_UNSUBSCRIBED, reason=reason)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of a file that say who wants mail, understood."""

    names: Mapping[int, str]
    meanings: Mapping[int, Meaning]
    dated: frozenset[int] = frozenset()
    """Columns of times of confirmation in which an empty cell says: not confirmed."""

    def wish(self, cells: Sequence[str]) -> Wish:
        """Return what a row says. Raises ValueError for a status that is not known."""
        found = WANTED
        for place, meaning in self.meanings.items():
            cell = cells[place] if place < len(cells) else ""
            read = self._of_cell(place, meaning, clean(cell))
            if read is None:
                raise ValueError(f"the {self.names[place]} {cell[:40]!r} is not known")
            found = least(found, read)
        return found

    def _of_cell(self, place: int, meaning: Meaning, cell: str) -> Wish | None:
        if meaning is Meaning.STATUS:
            return of_word(cell)
        if meaning is Meaning.CONSENT:
            return _agreed(cell, _LEFT if cell else _WAITS)
        if meaning is Meaning.CONFIRMATION:
            return _agreed(cell, _WAITS)
        if is_no(cell):
            return _WAITS if place in self.dated else WANTED
        if meaning is Meaning.REFUSAL:
            return Wish(
                status=_UNSUBSCRIBED,
                reason=reason_of(words_of(self.names[place])) or "unsubscribed",
            )
        return _WAITS if meaning is Meaning.BOUNCES else WANTED


def _agreed(cell: str, otherwise: Wish) -> Wish | None:
    if is_yes(cell):
        return WANTED
    return otherwise if is_no(cell) else of_word(cell)


def understand(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    skip: frozenset[int],
    chosen: Mapping[str, str],
    is_named: bool = True,
) -> Columns:
    """Return what the columns of a file say of mail; those in ``skip`` are known already.

    ``chosen`` maps names to what the owner says that they mean. Raises UsageError, naming them,
    for columns that may carry a refusal and are not understood.
    """
    said = _chosen(header, chosen)
    meanings: dict[int, Meaning] = {}
    unclear: dict[int, list[str]] = {}
    dated = set()
    folded = {" ".join(words_of(name)) for name in header}
    for place, name in enumerate(header):
        if place in skip and place not in said:
            continue
        cells = [row[place] for row in rows if place < len(row)]
        meaning = said.get(place) or (meaning_of(name) if is_named else None)
        if place not in said:
            if " ".join(words_of(name)) == "active subscription" and "email disabled" in folded:
                continue  # Substack's: that somebody pays
            odd = _not_understood(name, meaning, cells, is_named=is_named)
            if odd:
                unclear[place] = odd
        if meaning is Meaning.CONFIRMED_AT and not all(is_no(cell) for cell in cells):
            dated.add(place)
        if meaning not in (None, Meaning.IGNORE, Meaning.ADDRESS, Meaning.UNCLEAR):
            meanings[place] = meaning
    if unclear:
        raise UsageError(_explained(header, unclear))
    return Columns(names=dict(enumerate(header)), meanings=meanings, dated=frozenset(dated))


def _not_understood(
    name: str, meaning: Meaning | None, cells: list[str], *, is_named: bool
) -> list[str]:
    """Return the cells of a column that stop the import."""
    if meaning is None:
        return cells if may_refuse(name, cells, is_named=is_named) else []
    if meaning is Meaning.UNCLEAR:
        return [cell for cell in cells if not is_no(cell)]
    if meaning in (Meaning.CONSENT, Meaning.CONFIRMATION):
        return [c for c in cells if not is_no(c) and not is_yes(c) and of_word(c) is None]
    if meaning is Meaning.STATUS and name.strip().lower() != "status":  # costs its row alone
        return [cell for cell in cells if of_word(cell) is None]
    return []


def _chosen(header: Sequence[str], chosen: Mapping[str, str]) -> dict[int, Meaning]:
    """Return what the owner says of columns, by name or by number from 1."""
    places = {name.strip().lower(): place for place, name in reversed(list(enumerate(header)))}
    numbers = {str(place + 1): place for place in range(len(header))}
    found: dict[int, Meaning] = {}
    for name, meaning in chosen.items():
        place = places.get(name.strip().lower(), numbers.get(name.strip()))
        if place is None:
            named = ", ".join(filter(None, (one.strip() for one in header)))[:500]
            raise UsageError(f"the file has no column called {name[:80]!r} (its header: {named})")
        if meaning not in CHOICES:
            raise UsageError(
                f"column {name[:80]!r}: {meaning[:40]!r} is no meaning; "
                f"expected one of {', '.join(CHOICES)}"
            )
        found[place] = Meaning(meaning)
    return found


def _explained(header: Sequence[str], unclear: Mapping[int, list[str]]) -> str:
    named = []
    labels = {
        place: name.strip()[:80] if name.strip() and "@" not in name else str(place + 1)
        for place, name in enumerate(header)
    }
    for place, cells in unclear.items():
        shown = dict.fromkeys(
            clean(cell[:40]) for cell in cells if cell.strip() and "@" not in cell
        )
        such = ", ".join(repr(value) for value in list(shown)[:_SHOWN])
        named.append(labels[place] + (f" (such as {such})" if such else ""))
    return (
        f"columns that may say who must not get mail are not understood: {'; '.join(named)}. "
        f"Nothing was imported. Say what each means with --column NAME=MEANING: "
        f'--column "{labels[next(iter(unclear))]}=ignore" if it says nothing about mail, '
        "=refusal if a filled cell means that the person left, =consent if yes means that they "
        "want mail, =status for words such as active and unsubscribed"
    )
