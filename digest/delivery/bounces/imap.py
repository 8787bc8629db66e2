"""What came back, from a folder of an IMAP server, read without deleting anything.

The cursor is ``UIDVALIDITY UID``: a folder that was made anew is read from its beginning, and
mail that somebody read meanwhile is not missed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from digest.delivery.bounces import Mark, Returned
from digest.delivery.bounces.reading import READ_LIMIT
from digest.errors import DeliveryError
from digest.imap import ImapError, ImapFolder, ImapMailError, ImapPlace

WHERE = "mail.bounces.imap_host"


class ImapMailbox:
    """One folder, selected. Raises DeliveryError where it cannot be opened."""

    def __init__(self, place: ImapPlace) -> None:
        which = f"{place.user}@{place.host}/{place.folder}"
        digest = hashlib.blake2b(which.encode(), digest_size=12).hexdigest()
        self.name = f"bounces:imap:{digest}"
        try:
            self._folder = ImapFolder(place)
        except ImapError as exc:
            raise DeliveryError(WHERE, str(exc)) from exc

    def unread(self, cursor: str, limit: int) -> Iterator[tuple[Returned, str]]:
        """Yield what has a higher UID than the cursor's, without marking it read."""
        validity, _, last = cursor.partition(" ")
        now = self._folder.validity
        first = int(last) + 1 if validity == now and last.isdigit() else 1
        try:
            # "n:*" names the last mail even where its UID is lower than n (RFC 3501 6.4.8).
            uids = [uid for uid in self._folder.search(f"UID {first}:*") if uid >= first]
            for uid in uids[:limit]:
                key, after = f"{self.name}:{now}:{uid}", f"{now} {uid}"
                try:
                    content = self._folder.content(uid, most_bytes=READ_LIMIT)
                except ImapMailError as exc:
                    yield Returned(key=key, content=b"", problem=str(exc)), after
                    if exc.is_last:  # those behind it are read by the next pass
                        return
                    continue
                if content is not None:
                    yield Returned(key=key, content=content), after
        except ImapError as exc:
            raise DeliveryError(WHERE, str(exc)) from exc

    def settle(self, key: str, mark: Mark) -> None:
        """Mark a mail as read, and flagged where a person should look."""
        if mark is not Mark.LEFT:
            flags = r"(\Seen)" if mark is Mark.SEEN else r"(\Seen \Flagged)"
            self._folder.flag(key.rpartition(":")[2], flags)

    def close(self) -> None:
        """Log out; nothing is expunged."""
        self._folder.close()
