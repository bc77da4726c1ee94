"""Finds and loads the handler that `_HANDLER` names, as Lambda's Python runtime does."""

import importlib
import os
import sys
from typing import Any, Callable, Iterable, List, Set

from .errors import Fault

Handler = Callable[[Any, Any], Any]


def use_packages(root: str, layers_root: str, preloaded: Iterable[str]) -> List[str]:
    """Puts the function's folders first on the path, and has its own modules win over those that were loaded ahead.

    `preloaded`: modules of this process that Lambda would not have loaded yet. Returns the folders.
    """
    version = "python{}.{}".format(*sys.version_info[:2])
    layers = os.path.join(layers_root, "python")
    folders = [root, os.path.join(layers, "lib", version, "site-packages"), layers]
    # The folder of the bootstrap has the hooks of SnapStart; it stands after the function's own, as `/var/runtime` does.
    sys.path[:] = folders + sys.path
    importlib.invalidate_caches()
    _forget_shadowed(_names_in(folders), set(preloaded))
    return folders


def _names_in(folders: Iterable[str]) -> Set[str]:
    """Top-level modules that the folders hold."""
    names: Set[str] = set()
    for folder in folders:
        try:
            names.update(entry.split(".", 1)[0] for entry in os.listdir(folder))
        except OSError:
            continue
    return names


def _forget_shadowed(own: Set[str], preloaded: Set[str]) -> None:
    """The runtime goes on with those that it has loaded: they only lose their names."""
    shadowed = {name for name in preloaded if name.split(".", 1)[0] in own}
    if not shadowed:
        return
    # Packages that were installed beside Python lean on each other: with one of them replaced, none of the set is to be used.
    if any(_is_installed(name) for name in shadowed):
        shadowed.update(name for name in preloaded if _is_installed(name))
    for name in shadowed:
        sys.modules.pop(name, None)


def _is_installed(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def load_handler(name: str) -> Handler:
    """Raises a `Fault` that says what is wrong with the handler, or what its module raises."""
    module_name, separator, function = name.rpartition(".")
    if not separator:
        reason = "not enough values to unpack (expected 2, got 1)"
        raise Fault(Fault.MALFORMED_HANDLER_NAME, "Bad handler '{}': {}".format(name, reason))
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module {} as a handler module".format(module_name)
        raise Fault(Fault.BUILT_IN_MODULE_CONFLICT, message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(Fault.IMPORT_MODULE, "Unable to import module '{}': {}".format(module_name, error))
    except SyntaxError as error:
        raise Fault(Fault.USER_CODE_SYNTAX, "Syntax error in module '{}': {}".format(module_name, error), _place(error))
    try:
        return getattr(module, function)
    except AttributeError:
        raise Fault(Fault.HANDLER_NOT_FOUND, "Handler '{}' missing on module '{}'".format(function, module_name))


def _place(error: SyntaxError) -> List[str]:
    return ['  File "{}" Line {}\n    {}'.format(error.filename, error.lineno, error.text)]
