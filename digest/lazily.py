"""Modules that are imported when something of them is first used.

Start-up is paid by every command: a library that only some calls need is loaded by those.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module, and imports it at the first use of an attribute."""

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__.get("_module")
        if module is None:
            module = self.__dict__["_module"] = importlib.import_module(self.__name__)
        return getattr(module, name)


def lazily(name: str) -> Any:
    """Return what stands for a module, by its full name; raises ImportError at the first use.

    Type checkers and the contracts of imports are shown the real one::

        if TYPE_CHECKING:
            import numpy as np
        else:
            np = lazily("numpy")

    >>> lazily("math").floor(2.5)
    2
    """
    return _Later(name)
