"""Tell by their header fields which messages are of one kind: the lint has seen one of them.

What says the same in each message stands whole in a shape; what is personal is checked here to be
as `fields` writes it, and stands by its name. It finds no faults: where there is no shape, `lint`
has to look at the whole message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_URI = rb"[!-;=?-~]+"
_TO = rb"To: [ -~]{3,980}\r\n"
_DATE = rb"Date: [ -~]{20,60}\r\n"
_IDENTIFIED = rb"Message-ID: <[^\s<>@]{1,450}@[^\s<>@]{1,450}>\r\n"
_STOPPING = (
    rb"List-Unsubscribe:(?:\r\n)? (?:(<https://%b>)(?:,(?:\r\n)? <mailto:%b>)?|<mailto:%b>)\r\n"
    % (_URI, _URI, _URI)
)
_ONE_CLICK = rb"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_PERSONAL = {
    b"To": re.compile(rb"\A" + _TO),
    b"Subject": re.compile(rb"\ASubject: [ -~]{1,980}(\r\n [ -~]{1,980})*\r\n"),
    b"Date": re.compile(rb"\A" + _DATE),
    b"Message-ID": re.compile(rb"\A" + _IDENTIFIED),
    b"List-Unsubscribe": re.compile(rb"\A" + _STOPPING),
    b"Feedback-ID": re.compile(rb"\AFeedback-ID: [!-~]{1,900}\r\n"),
}
"""Fields that differ from message to message, as `fields` writes them."""
_OWN = re.compile(rb"%b%b%b(%b)?(%b)?" % (_TO, _DATE, _IDENTIFIED, _STOPPING, _ONE_CLICK))
"""Those that no two messages share, in order."""
_BARE = frozenset({b"Message-ID", b"List-Unsubscribe"})


def head_shape(fields: Sequence[bytes]) -> tuple[bytes, ...] | None:
    """Return what messages of one kind have in common in their header fields, in order.

    Fields that say the same in each message stand whole, personal ones (which are checked here)
    by their name; None where a personal one is not as we write it: then only `lint` can tell.
    """
    shape = []
    for field in fields:
        name = field[: field.index(b":")]
        personal = _PERSONAL.get(name)
        if personal is None:
            shape.append(field)
        elif personal.fullmatch(field) is None or (name in _BARE and b"=?" in field):
            return None
        else:
            shape.append(name + b" https" if b"https://" in field else name)
    return tuple(shape)


def own_shape(fields: Sequence[bytes]) -> tuple[bool, ...] | None:
    """Return which of `fields.personal_fields` there are, as `head_shape` does, in one look."""
    own = b"".join(fields)
    found = _OWN.fullmatch(own)
    if found is None or b"=?" in own:
        return None
    return tuple([group is not None for group in found.groups()])
