"""All regular expressions of the package, and texts that each of them was not made for."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import digest

# The standard library's own parser of patterns, since Python 3.11.
compiler = re._compiler
sre_parser = re._parser

CALLS = frozenset(
    ("compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")
)
ANCHORED = frozenset(("match", "fullmatch"))
SKIPPED = ("digest.store.migrations", "digest.demo")
"""Written by us about what we write; reads nothing from outside."""


@dataclass
class Found:
    """A pattern, where it stands, and the methods that it is used with (all where unknown)."""

    pattern: re.Pattern[Any]
    places: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)


def modules() -> Iterator[ModuleType]:
    """Import and return every module of the package that reads anything."""
    for one in pkgutil.walk_packages(digest.__path__, "digest."):
        if not one.name.endswith("__main__") and not one.name.startswith(SKIPPED):
            yield importlib.import_module(one.name)


def all_patterns() -> dict[tuple[Any, int], Found]:
    """Return the patterns of the package: compiled ones by value, others by reading the code."""
    found: dict[tuple[Any, int], Found] = {}
    for module in modules():
        tree = ast.parse(inspect.getsource(module))
        uses = _uses(tree)
        named = set()
        for name, pattern in _held(vars(module)):
            one = _note(found, pattern, f"{module.__name__}.{name}")
            one.methods |= uses[name]
            named.add((pattern.pattern, pattern.flags))
        for method, node in _inline(tree):
            for pattern in _evaluated(node, module):
                if method == "compile" and (pattern.pattern, pattern.flags) in named:
                    continue
                one = _note(found, pattern, f"{module.__name__}:{node.lineno}")
                one.methods.add("search" if method == "compile" else method)
    for one in found.values():
        one.methods = one.methods or {"search"}
    return found


def _note(found: dict[tuple[Any, int], Found], pattern: re.Pattern[Any], place: str) -> Found:
    one = found.setdefault((pattern.pattern, pattern.flags), Found(pattern))
    one.places.add(place)
    return one


def _held(values: Mapping[str, Any]) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Find patterns in values, and in what these are made of, whatever they are called."""
    for name, value in values.items():
        for pattern in _within(value, 0, set()):
            yield name, pattern


def _within(value: Any, depth: int, seen: set[int]) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
        return
    if depth > 5 or id(value) in seen or isinstance(value, ModuleType | str | bytes | int):
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        parts: Iterable[Any] = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value if len(value) < 5000 else ()
    elif inspect.ismethod(value) or inspect.isbuiltin(value):  # pattern.search, kept as a value
        parts = (value.__self__,)
    elif inspect.isfunction(value):
        if not value.__module__.startswith("digest"):
            return
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_full(cell)]
        parts = [*cells, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    elif inspect.isclass(value):
        parts = vars(value).values() if value.__module__.startswith("digest") else ()
    elif type(value).__module__.startswith("digest"):
        slots = [getattr(value, name, None) for name in getattr(value, "__slots__", ())]
        parts = [*getattr(value, "__dict__", {}).values(), *slots]
    else:
        return
    for part in parts:
        yield from _within(part, depth + 1, seen)


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _uses(tree: ast.Module) -> dict[str, set[str]]:
    """Return with which methods each name is used; "search" where it is handed on."""
    uses: dict[str, set[str]] = defaultdict(set)
    called = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := _name(node.value)):
            uses[name].add(node.attr if node.attr in CALLS else "search")
            called.add(id(node.value))
    for node in ast.walk(tree):
        is_read = isinstance(getattr(node, "ctx", None), ast.Load) and id(node) not in called
        if is_read and (name := _name(node)):
            uses[name].add("search")
    return uses


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _inline(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the calls of ``re``, under whatever name it was imported: method, first argument."""
    aliases, functions = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {one.asname or one.name for one in node.names if one.name == "re"}
        elif isinstance(node, ast.ImportFrom) and node.module == "re":
            functions |= {one.asname or one.name: one.name for one in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func
        if isinstance(called, ast.Attribute) and _name(called.value) in aliases:
            if called.attr in CALLS:
                yield called.attr, node
        elif isinstance(called, ast.Name) and functions.get(called.id) in CALLS:
            yield functions[called.id], node


def _evaluated(call: ast.Call, module: ModuleType) -> list[re.Pattern[Any]]:
    """Return the pattern of a call; what is only known when it runs is a letter here."""
    flags = [*call.args[1:], *(word.value for word in call.keywords if word.arg == "flags")]
    flag = 0
    for node in flags:
        try:
            value = eval(compile(ast.Expression(node), "flags", "eval"), vars(module))
        except Exception:  # noqa: BLE001 - another argument
            continue
        flag |= int(value) if isinstance(value, re.RegexFlag) else 0
    try:
        filled = ast.fix_missing_locations(ast.Expression(_Filled(module).visit(call.args[0])))
        value = eval(compile(filled, "pattern", "eval"), vars(module))
    except Exception:  # noqa: BLE001 - a value from elsewhere, which is looked at where it is made
        return []
    if isinstance(value, re.Pattern):
        return [value]
    return [re.compile(value, flag)] if isinstance(value, str | bytes) else []


class _Filled(ast.NodeTransformer):
    """Puts a letter where an f-string holds something of a function's."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        try:
            eval(compile(ast.Expression(node.value), "part", "eval"), vars(self._module))
        except Exception:  # noqa: BLE001
            return ast.Constant("x")
        return node


# --- Texts for one pattern ----------------------------------------------------------------------

_CANDIDATES = " \n\ta0.-@<>=/\"'(){}[]&;:,\\$_A9%#*+~^`!?|\x02é\u2028"
MOST_PUMPS = 60


def texts_for(pattern: re.Pattern[Any]) -> list[tuple[str, str, str]]:
    """Return beginnings, what to repeat, and ends, made from the pattern's own parts."""
    source = pattern.pattern
    parsed = sre_parser.parse(source, pattern.flags)
    walk = _Walk(pattern.flags)
    walk.sequence(list(parsed), "")
    made: dict[tuple[str, str, str], None] = {}
    for before, pump in walk.pumps[:MOST_PUMPS]:
        for end in ("", "\0"):
            made[before, pump, end] = None
        made[f"{before}a", pump, "\0"] = None
        made["", before + pump, ""] = None  # it may begin at each of them
    for prefix in walk.prefixes[:MOST_PUMPS]:
        made["", prefix, ""] = None
    return [one for one in made if one[1]]


class _Walk:
    """Goes through a parsed pattern and writes examples of its parts."""

    def __init__(self, flags: int) -> None:
        self.pumps: list[tuple[str, str]] = []
        self.prefixes: list[str] = []
        self._flags = flags
        self._groups: dict[int, str] = {}

    def sequence(self, nodes: list[Any], before: str) -> str:
        text = ""
        for node in nodes:
            text += self.node(node, before + text)
            if before + text:
                self.prefixes.append(before + text)
        return text

    def node(self, node: Any, before: str) -> str:
        operation, value = node
        name = str(operation)
        if name == "LITERAL":
            return chr(value)
        if name in ("NOT_LITERAL", "IN", "ANY"):
            return self._members(operation, value)[0]
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            return self._repeat(value, before)
        if name == "SUBPATTERN":
            group, _, _, inner = value
            text = self.sequence(list(inner), before)
            if group is not None:
                self._groups[group] = text
            return text
        if name == "ATOMIC_GROUP":
            return self.sequence(list(value), before)
        if name == "BRANCH":
            texts = [self.sequence(list(branch), before) for branch in value[1][:8]]
            return max(texts, key=len)
        if name == "GROUPREF":
            return self._groups.get(value, "")
        if name == "GROUPREF_EXISTS":
            return self.sequence(list(value[1]), before)
        if name in ("ASSERT", "ASSERT_NOT"):
            inner = _Walk(self._flags)
            inner.sequence(list(value[1]), before)
            self.pumps += inner.pumps
            self.prefixes += inner.prefixes
        return ""

    def _repeat(self, value: Any, before: str) -> str:
        least, most, inner = value
        nodes = list(inner)
        examples = [self.sequence(nodes, before)]
        if len(nodes) == 1 and str(nodes[0][0]) in ("IN", "ANY", "NOT_LITERAL"):
            examples = self._members(*nodes[0])
        if most == sre_parser.MAXREPEAT or most > 30:
            self.pumps += [(before, example) for example in examples if example]
        return examples[0] * max(1 if most else 0, min(least, 40))

    def _members(self, operation: Any, value: Any) -> list[str]:
        """Return a few characters that the class holds: usual ones, and some of its own."""
        state = sre_parser.State()
        state.flags = self._flags
        one = compiler.compile(sre_parser.SubPattern(state, [(operation, value)]), self._flags)
        text = (lambda char: char) if self._flags & re.UNICODE else (lambda char: char.encode())
        found = [char for char in _CANDIDATES if char.isascii() or self._flags & re.UNICODE]
        found = [char for char in found if one.match(text(char))]
        if str(operation) == "IN":
            found += [chr(v) for op, v in value if str(op) == "LITERAL"][:3]
            found += [chr(v[0]) for op, v in value if str(op) == "RANGE"][:2]
        return list(dict.fromkeys(found))[:8] or ["x"]
