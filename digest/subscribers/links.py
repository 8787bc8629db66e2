"""The addresses that one mail carries: made here, answered by the web pages.

Only text: nothing is looked up, and the same row ids give the same links on every retry.
"""

from __future__ import annotations

from urllib.parse import quote

from digest.rendering import PersonalLinks
from digest.subscribers.tokens import Signer, TokenPurpose


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

    def token(purpose: TokenPurpose) -> str:
        return signer.make(
            purpose, subscriber_id, subscription_id=subscription_id, edition_id=edition_id
        )

    unsubscribe = token(TokenPurpose.UNSUBSCRIBE)
    by_mail = f"mailto:{quote(mailto, safe='@+')}?subject=unsubscribe%20{unsubscribe}"
    if not base_url:
        return PersonalLinks(unsubscribe_mailto=by_mail if mailto else "")
    base = base_url.rstrip("/")
    return PersonalLinks(
        unsubscribe=f"{base}/u/{unsubscribe}",
        unsubscribe_mailto=by_mail if mailto else "",
        preferences=f"{base}/preferences/{token(TokenPurpose.PREFERENCES)}",
        view=f"{base}/editions/{token(TokenPurpose.VIEW)}",
        feedback_base=f"{base}/f/{token(TokenPurpose.FEEDBACK)}",
        papers_base=f"{base}/paper",
    )
