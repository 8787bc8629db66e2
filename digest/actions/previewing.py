"""What an edition of these interests would hold now: ranked and chosen as the real ones are.

Nothing is written. A preview knows no reader: nothing was shown to anybody before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from digest.actions.reading import Entry, entries_of
from digest.actions.sending import stand_in
from digest.app import App
from digest.model import Profile
from digest.pipeline import editions
from digest.store import browsing
from digest.subscribers.cadence import cadence


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


def preview(
    app: App, profile: Profile, *, at_hand: Mapping[str, bytes] | None = None
) -> PreviewedEdition:
    """Return what an edition of this profile would hold if it were due now.

    ``at_hand`` holds the libraries by name that its interests learn from and nobody keeps yet.
    """
    now = app.now()
    with app.reading() as connection:
        target = stand_in(profile, "reader@example.org")
        (made,) = editions.draft(app, connection, [(target, now)], window_end=now, at_hand=at_hand)
        papers = browsing.load(connection, [pick.paper_id for pick in made.edition.picks])
        entries = entries_of(app, connection, list(papers.values()), {})
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
