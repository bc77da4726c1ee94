"""Runs the hooks of SnapStart that the function has registered.

The module is the function's own copy where it brings one, so it is looked up when it is needed. Nobody who has not loaded it has
registered anything.
"""

import sys
from typing import Any


def _registry() -> Any:
    return sys.modules.get("snapshot_restore_py")


def run_before_snapshot() -> None:
    """The last one registered runs first."""
    registry = _registry()
    hooks = registry.get_before_snapshot() if registry else []
    while hooks:
        hook, arguments, keywords = hooks.pop()
        hook(*arguments, **keywords)


def run_after_restore() -> None:
    """In the order of registration."""
    registry = _registry()
    for hook, arguments, keywords in registry.get_after_restore() if registry else []:
        hook(*arguments, **keywords)
