"""Word why a paper is not in an edition. Pure; scores and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from digest.model import Edition, Exclusion, Paper, Profile, Term, TermMode
from digest.ranking.accounts import MUTED_FIELDS
from digest.ranking.terms import TermIndex


def account(found: Exclusion, paper: Paper, profile: Profile, *, shown: Edition | None) -> str:
    """Return one sentence for a candidate that was left out."""
    if found.cause == "seen":
        return _seen(paper, shown)
    passed = {
        "cap": f"max_papers ({profile.max_papers}) scored higher",
        "quota": f"{found.interest!r} had its quota already",
        "diversity": "the same group has papers enough in this edition",
        "carried": "the edition holds enough papers from earlier days already",
        "late": "the edition has its share of older papers that took off only now",
        "draft": "two rankers are being compared, and the other one's papers took its place",
    }
    score = f"its score {found.score or 0:.3f}"
    if found.cause in passed:
        return f"{score} passes the floor, but {passed[found.cause]}"
    lacking = _terms(profile, TermMode.MUST, paper, held=False)
    forbidden = _terms(profile, TermMode.MUST_NOT, paper, held=True)
    barred = {
        "floor": f"{score} is below min_score {profile.min_score:g}",
        "muted": f"it holds a muted term: {_quoted(_held(paper, profile.mutes))}",
        "must": f"it lacks a required term: {_quoted(lacking)}",
        "must-not": f"it holds a forbidden term: {_quoted(forbidden)}",
        "source": _source(paper, profile),
        "withdrawn": "it was withdrawn",
    }
    return barred.get(found.cause, found.cause)


def outside(
    paper: Paper, edition: Edition, profile: Profile, *, shown: Edition | None
) -> tuple[str, str]:
    """Return cause and sentence for a known paper that is no candidate of the window."""
    seen_at = paper.first_seen_at
    if shown is not None:
        return "seen", _seen(paper, shown)
    if paper.withdrawn:
        return "withdrawn", "it was withdrawn"
    if profile.sources and not set(profile.sources).intersection(paper.sources):
        return "source", _source(paper, profile)
    if seen_at < edition.window_start_at:
        return "window", (
            f"it was new on {seen_at:%Y-%m-%d %H:%M}, before this edition's window "
            f"starts ({edition.window_start_at:%Y-%m-%d %H:%M} UTC), "
            "and is none of the older papers that took off in it"
        )
    if seen_at >= edition.window_end_at:
        return "window", (
            f"it was first seen on {seen_at:%Y-%m-%d %H:%M}, after this edition's window "
            f"ends ({edition.window_end_at:%Y-%m-%d %H:%M} UTC)"
        )
    return "not news", (
        "it was no news when it was first seen: announced long before, or only as a new version"
    )


def _seen(paper: Paper, shown: Edition | None) -> str:
    if shown is None:
        return "another profile of this reader has it in the same edition"
    reason = next((p.reason for p in shown.picks if p.paper_id == paper.row_id), "")
    return f"shown before, in the edition of {shown.edition_on}" + (f": {reason}" if reason else "")


def _source(paper: Paper, profile: Profile) -> str:
    told = ", ".join(paper.sources) or "no source"
    return f"announced by {told}; this profile reads only {', '.join(profile.sources)}"


def _held(paper: Paper, mutes: Sequence[str]) -> list[str]:
    index = TermIndex([paper])
    return [mute for mute in mutes if index.find(Term(text=mute, fields=MUTED_FIELDS))]


def _terms(profile: Profile, mode: TermMode, paper: Paper, *, held: bool) -> list[str]:
    index = TermIndex([paper])
    terms = [term for interest in profile.interests for term in interest.terms]
    return [t.text for t in terms if t.mode is mode and bool(index.find(t)) is held]


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(repr(text) for text in texts)
