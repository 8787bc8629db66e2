"""One of each page that visitors and readers see, with the path that opens it."""

from __future__ import annotations

from typing import Any

from builders import an_interest
from web_people import ada

from digest.actions import preferring, submitting
from digest.model import FeedbackKind
from digest.pipeline.planning import plan_due
from digest.store import profiles
from digest.subscribers.tokens import Signer, TokenPurpose


def pages(town: Any) -> dict[str, str]:
    """Store a reader with an edition and return paths by the name of what they show."""
    interests = (an_interest("proteins", "folding"), an_interest("robots", "robots"))
    person = ada(town, interests=interests, title="Proteins and robots")
    other = ada(town, "lab", origin=profiles.CONFIG, title="The lab's digest")
    plan_due(town.app)
    preferring.rate(town.app, person.subscriber_id, 1, FeedbackKind.SAVED)
    submitting.suggest(town.app, person.subscriber_id, ["10.1000/x"])
    signer = Signer(town.app.secret_keys)

    def token(purpose: TokenPurpose, who: Any = person, **more: Any) -> str:
        return signer.make(purpose, who.subscriber_id, subscription_id=who.subscription_id, **more)

    return {
        "today": "/",
        "day": "/papers/2026-04-13?sort=newest",
        "week": "/papers/2026-W16",
        "month": "/papers/2026-04",
        "interests": "/?sort=interests&terms=robots",
        "empty": "/papers/2026-01-01",
        "paper": "/paper/arxiv:2604.00001",
        "search": "/search?q=robots",
        "nothing": "/search?q=zzzz",
        "subscribe": "/subscribe",
        "preview": "/subscribe?terms=robots, folding",
        "settings": "/preferences",
        "preferences": f"/preferences/{token(TokenPurpose.PREFERENCES)}",
        "kept": f"/preferences/{token(TokenPurpose.PREFERENCES, other)}",
        "waiting": f"/confirm/{token(TokenPurpose.CONFIRM, waiting(town))}",
        "refuse": f"/refuse/{token(TokenPurpose.REFUSE)}",
        "edition": f"/editions/{token(TokenPurpose.VIEW, edition_id=1)}",
        "feedback": f"/f/{token(TokenPurpose.FEEDBACK)}/more/1",
        "rate": f"/f/{token(TokenPurpose.FEEDBACK, edition_id=1)}",
        "saved": f"/saved/{token(TokenPurpose.FEEDBACK)}",
        "suggest": f"/suggest/{token(TokenPurpose.FEEDBACK)}",
        "erase": f"/erase/{token(TokenPurpose.ERASE)}",
        "unsubscribe": f"/u/{token(TokenPurpose.UNSUBSCRIBE)}",
        "missing": "/nowhere",
    }


def waiting(town: Any) -> Any:
    """Store somebody who asked and did not confirm yet."""
    return ada(
        town, "wish", address="grace@example.org", waits=True, title="Protein folding",
        interests=(an_interest("protein folding", "protein folding"),),
    )  # fmt: skip
