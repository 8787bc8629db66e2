"""What BibTeX means by braces, commands and comments where plain text is wanted. Pure."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"\\(?:url|href|path|nolinkurl|doi|texttt)\s*+\{([^{}]*+)\}")
_UNDERSCORE = re.compile(r"\\textunderscore(?:\{\}|\s)?|\$\\?_\$")
_ESCAPED = re.compile(r"\\([_%#&${}~\-/])")
_SIGNS = {r"\textless": "<", r"\textgreater": ">", r"\textasciitilde": "~", r"\slash": "/"}
_AND = re.compile(r"(?<!\s)\s++and\s++", re.IGNORECASE)
_COMMENT = re.compile(r"[\s,]*+%")


def plain(text: str) -> str:
    r"""Return an id or an address without TeX: escapes undone, commands and braces taken off.

    >>> plain(r"{10.1007/978-3-031-00001-5\_12}"), plain(r"\url{https://arxiv.org/abs/2401.01234}")
    ('10.1007/978-3-031-00001-5_12', 'https://arxiv.org/abs/2401.01234')
    """
    if "\\" in text or "$" in text:
        text = _COMMAND.sub(r" \1 ", text)
        text = _UNDERSCORE.sub("_", text)
        for command, sign in _SIGNS.items():
            text = text.replace(command + "{}", sign).replace(command, sign)
        text = _ESCAPED.sub(r"\1", text)
    return " ".join(text.replace("{", "").replace("}", "").split())


def names_of(text: str) -> list[tuple[str, bool]]:
    """Split a field of names at each ``and`` outside braces.

    Returns names with whether all of one is in braces: then it is one name as it stands, of an
    organisation, whatever commas are in it. ``others`` is nobody.

    >>> names_of("{OpenAI and Friends} and Lovelace, Ada and others")
    [('OpenAI and Friends', True), ('Lovelace, Ada', False)]
    """
    names: list[tuple[str, bool]] = []
    depth = start = looked = 0
    for match in _AND.finditer(text):
        depth += _opened(text, looked, match.start())
        looked = match.start()
        if depth <= 0:
            names.append(_name(text[start : match.start()]))
            start, depth = match.end(), 0
    names.append(_name(text[start:]))
    return [name for name in names if name[0] and name[0].lower() != "others"]


def _opened(text: str, start: int, end: int) -> int:
    return text.count("{", start, end) - text.count("}", start, end)


def _name(text: str) -> tuple[str, bool]:
    name = text.strip()
    is_whole = name.startswith("{") and name.find("}") == len(name) - 1
    return (name[1:-1].strip(), True) if is_whole else (name, False)


def without_comments(text: str) -> str:
    """Take off comments behind a field: a parser takes them for the next field's name.

    Only what holds neither brace nor quote, so that no field is left open.
    """
    if "%" not in text:
        return text
    return "\n".join(_without_comment(line) if "%" in line else line for line in text.split("\n"))


def _without_comment(line: str) -> str:
    start = max(line.rfind(sign) for sign in '{}"') + 1
    found = _COMMENT.match(line, start)
    return line[: found.end() - 1] if found and (start == 0 or line[start - 1] != "{") else line
