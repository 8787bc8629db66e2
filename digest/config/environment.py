"""How the environment names keys: ``DIGEST_MAIL__SENDER``, ``DIGEST_MAIL__SENDER_FILE``.

It reads no values into the configuration; ``load`` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

ENV_PREFIX = "DIGEST_"
SECRET_SUFFIX = "_FILE"  # noqa: S105


def variable_of(path: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the variable that a key's value came from, or an empty string.

    >>> variable_of(["mail", "sender"], {"DIGEST_MAIL__SENDER": "x"})
    'DIGEST_MAIL__SENDER'
    """
    for length in range(len(path), 0, -1):
        name = ENV_PREFIX + "__".join(path[:length]).upper()
        for variable, value in environ.items():
            if variable.upper() in (name, name + SECRET_SUFFIX) and _holds(value, path[length:]):
                return variable
    return ""


def _holds(text: str, path: Sequence[str]) -> bool:
    """Tell whether a variable's value, as JSON where it is deep, has what the path names."""
    if not path:
        return True
    try:
        value = json.loads(text)
    except ValueError:
        return False
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False
    return True
