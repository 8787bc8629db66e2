"""What an edition of some interests would hold now: ranked and chosen as the real ones are.

Nothing is written. A preview knows no reader: nothing was shown to anybody before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from digest.actions.reading import Entry, entries_of
from digest.actions.sending import stand_in
from digest.app import App
from digest.model import Profile
from digest.pipeline.editions import Desk, Draft, draft
from digest.store import browsing
from digest.subscribers.cadence import cadence

FRESH = timedelta(minutes=10)
OLDEST = timedelta(hours=6)
_ANYBODY = "reader@example.org"


@dataclass(frozen=True, kw_only=True)
class PreviewedPick:
    """A paper that would be picked, and the section of the mail it would stand in."""

    entry: Entry
    section: str


@dataclass(frozen=True, kw_only=True)
class PreviewedEdition:
    """An edition that nobody gets."""

    picks: tuple[PreviewedPick, ...]
    other_count: int
    cadence: str

    def by_section(self) -> dict[str, list[Entry]]:
        """Return the papers of each section, sections as they come, best paper first."""
        found: dict[str, list[Entry]] = {}
        for pick in self.picks:
            found.setdefault(pick.section, []).append(pick.entry)
        return found


@dataclass(frozen=True)
class _Held:
    """A window that was read and learnt from, and until when it reaches."""

    desk: Desk
    end: datetime


class Previewer:
    """Makes previews while people type: what they all need is read once in some minutes.

    Reading the window and learning from it takes seconds where there are thousands of papers,
    a preview from what is held a fraction of one. Previews are ranked one at a time.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._held: _Held | None = None
        self._ranking, self._building = Lock(), Lock()

    def preview(
        self, profile: Profile, *, at_hand: Mapping[str, bytes] | None = None
    ) -> PreviewedEdition:
        """Return what an edition of this profile would hold if it were due now.

        ``at_hand`` holds the libraries by name that its interests learn from and nobody keeps.
        """
        held = self._usable()
        if held is None:
            with self._building:
                held = self._usable() or self._build()
        made = self._draft(held, profile, at_hand or {})
        with self._app.reading() as connection:
            papers = browsing.load(connection, [pick.paper_id for pick in made.edition.picks])
            entries = entries_of(self._app, connection, list(papers.values()), {})
        by_id = {entry.paper.row_id: entry for entry in entries}
        return PreviewedEdition(
            picks=tuple(
                PreviewedPick(
                    entry=replace(by_id[pick.paper_id], reason=pick.reason), section=pick.section
                )
                for pick in made.edition.picks
                if pick.paper_id in by_id
            ),
            other_count=made.edition.other_count,
            cadence=cadence(profile.schedule),
        )

    def refresh(self) -> None:
        """Read the window anew if it is not fresh; call it when nobody waits for the answer."""
        held = self._held
        if held is not None and timedelta(0) <= self._app.now() - held.end < FRESH:
            return
        if self._building.acquire(blocking=False):
            try:
                self._build()
            finally:
                self._building.release()

    def _usable(self) -> _Held | None:
        held = self._held
        is_usable = held is not None and timedelta(0) <= self._app.now() - held.end < OLDEST
        return held if is_usable else None

    def _build(self) -> _Held:
        made = _Held(Desk(self._app), self._app.now())
        self._draft(made, Profile(name="anybody"), {})
        self._held = made
        return made

    def _draft(self, held: _Held, profile: Profile, at_hand: Mapping[str, bytes]) -> Draft:
        due = [(stand_in(profile, _ANYBODY), held.end)]
        with self._ranking, self._app.reading() as connection:
            held.desk.at_hand = at_hand
            (made,) = draft(self._app, connection, due, window_end=held.end, desk=held.desk)
        return made
