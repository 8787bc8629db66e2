"""Find the module behind a `kind` in the configuration. No registry: a new file is enough."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from digest.errors import ConfigError


def resolve(kind: str, package: str, factory: str) -> Any:
    """Return the factory that `kind` names: ours by module name, anybody's as ``pkg.mod:func``.

    >>> resolve("collections:Counter", "digest.sources", "source").__name__
    'Counter'

    Raises ConfigError where there is none.
    """
    target = kind if ":" in kind else f"{package}.{kind}:{factory}"
    try:
        return pkgutil.resolve_name(target)
    except (ImportError, AttributeError, ValueError) as exc:
        names = [module.__name__.rpartition(".")[2] for module in modules_with(package, factory)]
        found = f"there is no {target}" if ":" in kind else f"there are: {', '.join(names)}"
        raise ConfigError(f"no {factory} called {kind!r} ({found})") from exc


def modules_with(package: str, factory: str) -> Iterator[ModuleType]:
    """Yield the plug-ins of a package: modules that define the factory."""
    folder = importlib.import_module(package)
    for found in pkgutil.iter_modules(folder.__path__):
        if not found.name.startswith("_") and not found.ispkg:
            module = importlib.import_module(f"{package}.{found.name}")
            if callable(getattr(module, factory, None)):
                yield module
