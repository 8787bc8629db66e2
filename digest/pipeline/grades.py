"""Give readers the stored grades of a language model before they are ranked, and tell of them.

Nothing is asked here (``judging`` does that), and nothing is read while ``[judge]`` is off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from digest.app import App
from digest.model import Picks, Profile
from digest.ranking import Candidates, Choice, Reader
from digest.rendering.judging import Question, leading, question
from digest.store import grades


def is_judged(app: App, profile: Profile) -> bool:
    """Tell whether a model grades for this profile. Without interests there is nothing to judge."""
    wanted = app.config.settings.judge
    return wanted.enabled and bool(profile.interests) and (wanted.everyone or profile.judge)


def questions(app: App, readers: Sequence[Reader]) -> list[Question | None]:
    """Return what the model is told of each reader; None for those it does not grade for."""
    model = app.config.settings.judge.model
    known: dict[Profile, Question | None] = {}
    for profile, reader in {reader.profile: reader for reader in readers}.items():
        is_asked = is_judged(app, profile)
        known[profile] = question(profile, reader.known_papers, model) if is_asked else None
    return [known[reader.profile] for reader in readers]


def with_grades(
    app: App, connection: Connection, readers: list[Reader], pool: Candidates
) -> list[Reader]:
    """Return the readers with what the store has of their grades for these papers."""
    if not app.config.settings.judge.enabled:
        return readers
    asked = questions(app, readers)
    stored = grades.load(
        connection,
        {one.fingerprint for one in asked if one},
        [paper.row_id for paper in pool.papers],
    )
    return [
        replace(reader, grades=stored.get(one.fingerprint, {})) if one else reader
        for reader, one in zip(readers, asked, strict=True)
    ]


def explained(choice: Choice, reader: Reader) -> Choice:
    """Return the choice with the model's words before the reason of each graded pick."""
    if not reader.grades:
        return choice
    picks = Picks.of(choice.picks)
    reasons = [
        leading(reason, reader.grades[row_id]) if row_id in reader.grades else reason
        for row_id, reason in zip(picks.columns.paper_ids, picks.columns.reasons, strict=True)
    ]
    return replace(choice, picks=Picks(picks.columns._replace(reasons=reasons), picks.parts))
