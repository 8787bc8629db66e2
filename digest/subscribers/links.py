"""The addresses that one mail carries: made here, answered by the web pages.

Only text: nothing is looked up, and the same row ids give the same links on every retry.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from digest.model.quickly import made
from digest.rendering import PersonalLinks
from digest.subscribers.tokens import Signer, TokenPurpose

_PURPOSES = (
    TokenPurpose.UNSUBSCRIBE,
    TokenPurpose.PREFERENCES,
    TokenPurpose.VIEW,
    TokenPurpose.FEEDBACK,
)


def personal_links(
    base_url: str,
    signer: Signer,
    *,
    subscriber_id: int,
    subscription_id: int,
    edition_id: int,
    mailto: str = "",
) -> PersonalLinks:
    """Return the links of one delivery; without a public address only the mailto: is there.

    ``mailto`` is the address that takes unsubscribe requests by mail (RFC 6068), if any.
    """
    unsubscribe, preferences, view, feedback = signer.make_each(
        _PURPOSES, subscriber_id, subscription_id=subscription_id, edition_id=edition_id
    )
    by_mail = f"{_mailto(mailto)}?subject=unsubscribe%20{unsubscribe}" if mailto else ""
    if not base_url:
        return PersonalLinks(unsubscribe_mailto=by_mail)
    base = base_url.rstrip("/")
    return made(
        PersonalLinks,
        unsubscribe=f"{base}/u/{unsubscribe}",
        unsubscribe_mailto=by_mail,
        preferences=f"{base}/preferences/{preferences}",
        view=f"{base}/editions/{view}",
        feedback_base=f"{base}/f/{feedback}",
        papers_base=f"{base}/paper",
    )


@lru_cache(maxsize=16)
def _mailto(address: str) -> str:
    return f"mailto:{quote(address, safe='@+')}"
