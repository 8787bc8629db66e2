"""Interest profiles as TOML files: one profile a file, or several in ``[[profiles]]``.

A mistake in one file is named and leaves the others served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator

from digest.config.fields import LocaleName, Section, TimeZone
from digest.config.problems import explain, read_toml
from digest.errors import ConfigError
from digest.model import (
    Frequency,
    Interest,
    OnEmpty,
    Profile,
    Schedule,
    Term,
    TermField,
    TermMode,
)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAY_NAMES: tuple[Weekday, ...] = get_args(Weekday)


class TermEntry(Section):
    """A term: a bare string, or a table with weight, mode and fields."""

    text: str = Field(min_length=1, description="Word or phrase.")
    weight: float = Field(1.0, ge=0, le=10, description="How much it counts.")
    mode: TermMode = Field(TermMode.SHOULD, description="should, must, or must-not.")
    fields: tuple[TermField, ...] = Field((), description="Where to look; empty: the text.")


def _as_term(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class InterestEntry(Section):
    """``[[interests]]``: one named interest."""

    name: str = Field(min_length=1, max_length=200, description="Shown as a section of the mail.")
    terms: tuple[Annotated[TermEntry, BeforeValidator(_as_term)], ...] = Field(
        (), description="Words and phrases."
    )
    authors: tuple[str, ...] = Field((), description="Names, or orcid:/openalex: ids.")
    institutions: tuple[str, ...] = Field((), description="Names of institutions.")
    categories: tuple[str, ...] = Field((), description="Categories such as cs.LG.")
    liked: tuple[str, ...] = Field((), description="Keys or addresses of papers to find more of.")
    disliked: tuple[str, ...] = Field((), description="Papers to find less of.")
    text: str = Field("", description="What you work on, in your own words.")
    library: str = Field("", description="A .bib, .ris or Zotero CSV/JSON file beside this one.")
    quota: int | None = Field(None, ge=0, description="At most so many picks of one edition.")


class ProfileEntry(Section):
    """One profile: interests, and when and how its editions come."""

    name: str = Field("", max_length=200, description="The file's name if empty.")
    title: str = Field("", description="Shown in the mail.")
    addresses: tuple[str, ...] = Field(
        (), description="Who gets it, one mail each; chat:NAME posts it by [transports.NAME]."
    )
    interests: tuple[InterestEntry, ...] = Field((), description="Named interests.")
    mutes: tuple[str, ...] = Field((), description="Terms that are never shown.")
    sources: tuple[str, ...] = Field((), description="Only these sources; empty: all.")
    send_time: time = Field(time(7, 30), description="Local time of day, such as 07:30.")
    time_zone: TimeZone | None = Field(None, description="IANA zone; digest.time_zone if absent.")
    weekdays: tuple[Weekday, ...] = Field(
        WEEKDAY_NAMES, description="Days on which an edition is due."
    )
    frequency: Frequency = Field(Frequency.DAILY, description="daily or weekly.")
    paused_until: date | None = Field(None, description="No editions before this day.")
    ranker: str = Field("default", description="default, trend, or pkg.mod:func.")
    trending_weight: float = Field(0.3, ge=0, le=1, description="0 interest only, 1 trend only.")
    min_score: float = Field(0.15, ge=0, le=1, description="Papers below it are not picked.")
    max_papers: int = Field(10, ge=1, le=200, description="At most so many picks.")
    exploration: float = Field(0.1, ge=0, le=0.5, description="Share of picks from outside.")
    community: bool = Field(
        False,
        description="Let likes of similar readers count, and these readers' own likes, unnamed, "
        "for others; where [ranking] community is on.",
    )
    judge: bool = Field(
        False, description="Let the language model of [judge] grade the best papers."
    )
    on_empty: OnEmpty = Field(OnEmpty.NOTE, description="A short note, or skip the mail.")
    all_titles: bool = Field(True, description="List every other new title.")
    updates: bool = Field(False, description="Tell of new versions of papers shown before.")
    abstracts: Literal["none", "short", "full"] = Field("short", description="Length shown.")
    locale: LocaleName = Field("", description="Language of dates; digest.locale if empty.")

    @field_validator("weekdays")
    @classmethod
    def _some_day(cls, value: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if not value:
            raise ValueError("expected at least one day; paused_until stops the mails")
        return value

    @field_validator("interests")
    @classmethod
    def _distinct(cls, value: tuple[InterestEntry, ...]) -> tuple[InterestEntry, ...]:
        names = [interest.name for interest in value]
        if len(set(names)) < len(names):
            raise ValueError("expected a different name for each interest")
        return value


class _ManyProfiles(Section):
    profiles: tuple[ProfileEntry, ...]


@dataclass(frozen=True, kw_only=True)
class ProfileFile:
    """A profile from the configuration, with who gets it and where it was read."""

    profile: Profile
    addresses: tuple[str, ...]
    path: Path


def load_profiles(
    places: Sequence[Path], *, default_zone: str = "UTC", default_locale: str = "en"
) -> tuple[tuple[ProfileFile, ...], tuple[str, ...]]:
    """Read profile files and folders; return the profiles and one line for each mistake."""
    profiles: dict[str, ProfileFile] = {}
    problems: list[str] = []
    for path in _files(places):
        try:
            found = load_profile_file(
                path, default_zone=default_zone, default_locale=default_locale
            )
        except ConfigError as exc:
            problems += exc.problems
            continue
        for item in found:
            if item.profile.name in profiles:
                other = profiles[item.profile.name].path
                problems.append(f"{path}: name: {item.profile.name!r} is taken by {other}")
            else:
                profiles[item.profile.name] = item
    return tuple(profiles.values()), tuple(problems)


def load_profile_file(
    path: Path, *, default_zone: str = "UTC", default_locale: str = "en"
) -> list[ProfileFile]:
    """Read one file; raise ConfigError with one line a mistake."""
    values, text = read_toml(path)
    many = "profiles" in values
    model: type[BaseModel] = _ManyProfiles if many else ProfileEntry
    try:
        parsed = model.model_validate(values)
    except ValidationError as exc:
        raise ConfigError(*explain(exc, file=str(path), text=text, model=model), file=path) from exc
    entries = parsed.profiles if isinstance(parsed, _ManyProfiles) else (parsed,)
    found = []
    for number, entry in enumerate(entries):
        assert isinstance(entry, ProfileEntry)
        fallback = path.stem if not many else f"{path.stem}-{number + 1}"
        profile = to_profile(entry, entry.name or fallback, default_zone, default_locale, path)
        found.append(ProfileFile(profile=profile, addresses=entry.addresses, path=path))
    return found


def to_profile(
    entry: ProfileEntry, name: str, default_zone: str, default_locale: str, path: Path | None = None
) -> Profile:
    """Return the value that the stages speak of."""
    return Profile(
        name=name,
        title=entry.title,
        interests=tuple(_to_interest(interest, path) for interest in entry.interests),
        mutes=entry.mutes,
        sources=entry.sources,
        schedule=Schedule(
            send_time=entry.send_time,
            time_zone=entry.time_zone or default_zone,
            weekdays=tuple(sorted(WEEKDAY_NAMES.index(day) for day in set(entry.weekdays))),
            frequency=entry.frequency,
            paused_until=entry.paused_until,
        ),
        locale=entry.locale or default_locale,
        **{
            key: getattr(entry, key)
            for key in (
                "ranker", "trending_weight", "min_score", "max_papers", "exploration",
                "on_empty", "all_titles", "updates", "abstracts", "community",
                "judge",
            )
        },
    )  # fmt: skip


def _to_interest(entry: InterestEntry, path: Path | None) -> Interest:
    library = entry.library
    if library and path is not None:
        library = str((path.parent / library).absolute())
    return Interest(
        name=entry.name,
        terms=tuple(Term(**term.model_dump()) for term in entry.terms),
        authors=entry.authors,
        institutions=entry.institutions,
        categories=entry.categories,
        liked=entry.liked,
        disliked=entry.disliked,
        text=entry.text,
        library=library,
        quota=entry.quota,
    )


def _files(places: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        found += sorted(place.glob("*.toml")) if place.is_dir() else [place]
    # The default folder may be missing: an installation may live by its web page alone.
    return [path for path in found if path.exists() or path.suffix == ".toml"]
