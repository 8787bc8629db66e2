"""Stars of the papers' repositories at GitHub: a hundred at once with a token, else one by one.

https://docs.github.com/rest/repos/repos and https://docs.github.com/graphql. Sixty requests an
hour are free without a token, so that each run then asks for a few repositories only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.config import Settings, reveal
from digest.errors import SourceError
from digest.model import Signal
from digest.sources import Body, Fetcher
from digest.sources._asking import ask
from digest.sources._reading import dict_of, mapping_of, number_of, text_of
from digest.sources.signals import Observed, Subject
from digest.text.clean import clean

AT_ONCE = 100
MOST_ALONE = 20
"""Requests a run without a token: two runs an hour stay below sixty."""
_MISSING = frozenset({"http-404", "http-451"})


def observer(settings: Settings) -> GitHubObserver:
    """Build the observer."""
    section = settings.signals
    return GitHubObserver(
        base_url=section.github_url.rstrip("/"), token=reveal(section.github_token)
    )


@dataclass(frozen=True)
class GitHubObserver:
    """The repositories that papers link to."""

    base_url: str
    token: str = ""
    name: str = "github"
    provider: str = "github"

    def handles(self, subject: Subject) -> tuple[str, ...]:
        """Return the repositories of the paper."""
        return subject.repositories

    def fetch(
        self, fetcher: Fetcher, subjects: Sequence[Subject], *, now: datetime
    ) -> Iterator[Body]:
        """Ask for each repository once."""
        wanted = list(dict.fromkeys(one for subject in subjects for one in subject.repositories))
        if not self.token:
            yield from self._one_by_one(fetcher, wanted[:MOST_ALONE])
            return
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            yield fetcher.post(
                f"{self.base_url}/graphql",
                json={"query": query_of(some)},
                headers=self._headers,
                label=" ".join(some),
            )

    def _one_by_one(self, fetcher: Fetcher, wanted: Sequence[str]) -> Iterator[Body]:
        for repository in wanted:
            try:
                url = f"{self.base_url}/repos/{repository}"
                yield ask(fetcher, url, headers=self._headers, label=repository)
            except SourceError as exc:
                if exc.kind not in _MISSING:  # deleted or made private: not our failure
                    raise

    @property
    def _headers(self) -> dict[str, str]:
        accepted = {"Accept": "application/vnd.github+json"}
        return {**accepted, "Authorization": f"Bearer {self.token}"} if self.token else accepted

    def parse(self, body: Body) -> Observed:
        """Return stars by repository, as it was asked for: renamed ones answer under a new name."""
        answer = mapping_of(self.name, body)
        asked = body.label.split()
        if "stargazers_count" in answer:
            counts = {asked[0] if asked else "": answer["stargazers_count"]}
        elif isinstance(answer.get("data"), dict):
            counts = {
                repository: dict_of(answer["data"].get(f"r{number}")).get("stargazerCount")
                for number, repository in enumerate(asked)
            }
        else:
            said = clean(text_of(answer.get("message")))[:200] or "JSON of another shape"
            raise SourceError(self.name, f"{body.url} answered with: {said}", kind="not-stars")
        return {
            repository: (Signal(kind="github_stars", value=stars),)
            for repository, count in counts.items()
            if repository and (stars := number_of(count)) is not None
        }


def query_of(repositories: Sequence[str]) -> str:
    """Return a GraphQL query for the stars of repositories, the first one as ``r0``.

    >>> query_of(["a/b"])
    '{ r0: repository(owner: "a", name: "b") { stargazerCount } }'
    """
    parts = []
    for number, repository in enumerate(repositories):
        owner, _, name = repository.partition("/")
        given = f"owner: {json.dumps(owner)}, name: {json.dumps(name)}"
        parts.append(f"r{number}: repository({given}) {{ stargazerCount }}")
    return "{ " + " ".join(parts) + " }"
