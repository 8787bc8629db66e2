"""Scenarios of `faults.py`: one function a fault, in a registry; one module a kind of fault.

To add one, write a function that takes a `Place` (or nothing it needs) and returns `Counts`, and
register it:

    @scenario("relay: closes after each dot", short=True)
    def closing(place: Place) -> Counts: ...

A module of this folder is found by its name alone.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fault_scenarios.place import Place


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of the mails of one scenario."""

    lost: int = 0
    """Planned, not received by any relay, and not listed as anything that a person sees."""
    doubled: int = 0
    """Received more than once."""
    stuck: int = 0
    """Neither sent nor uncertain after the fault is over and `digest run` ran again."""
    silent: int = 0
    """Something was wrong, and neither exit code nor `digest verify` or `doctor` named it."""
    uncertain: int = 0
    """Held for a person: the reply to the final dot was never read."""

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One fault."""

    name: str
    run: Callable[[Place], Counts]
    databases: tuple[str, ...]
    is_short: bool
    """Part of the short form that the tests run."""
    mail: str
    """More lines of ``[mail]``, as TOML."""
    relays: int


REGISTRY: dict[str, Scenario] = {}


def scenario(
    name: str,
    *,
    databases: tuple[str, ...] = ("sqlite", "postgresql"),
    short: bool = False,
    mail: str = "",
    relays: int = 1,
) -> Callable[[Callable[[Place], Counts]], Callable[[Place], Counts]]:
    """Register a function; its `Place` has a store on each of these databases in turn."""

    def register(run: Callable[[Place], Counts]) -> Callable[[Place], Counts]:
        REGISTRY[name] = Scenario(
            name=name, run=run, databases=databases, is_short=short, mail=mail, relays=relays
        )
        return run

    return register


def load() -> dict[str, Scenario]:
    """Import every module of this folder and return what they registered."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return REGISTRY
