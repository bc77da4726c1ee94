"""Keeps the byte code of a function's modules from one environment to the next.

The function's folders are read-only, so Python itself can keep none there, and compiling is most of what the import of a large package
takes. All modules of a function stand in one file of its cache folder, which the node writes: what a process has compiled by the end
of its first invocation goes to it over the channel.

    file    magic number of the Python that wrote it, 4 bytes | marshalled dict: path of the source -> marshalled code

Byte code is not verified when it is loaded. That is why a cache is its function's alone; it is also why the key is the hash of the
package, not the time of a file.
"""

import marshal
import os
import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Any, Callable, Dict, Optional, Sequence

#: Name of the one file.
NAME = "bytecode"
#: A larger one would be refused by the node.
_BYTES_MAX = 16 * 1024 * 1024

_dumps = marshal.dumps
_loads = marshal.loads


class ByteCode:
    """Of the modules below `folders`."""

    def __init__(self, folders: Sequence[str], cache_folder: str) -> None:
        self._folders = tuple(os.path.join(folder, "") for folder in folders)
        self._known = _read(os.path.join(cache_folder, NAME))
        self._compiled: Dict[str, CodeType] = {}

    def install(self) -> None:
        owner = self

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> Optional[CodeType]:
                return owner._code_of(self.path, lambda: SourceFileLoader.get_code(self, fullname))

        finder = FileFinder.path_hook(
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (Loader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )

        def hook(path: str) -> Any:
            if not os.path.join(path, "").startswith(owner._folders):
                raise ImportError("not of the function", path=path)
            return finder(path)

        sys.path_hooks.insert(0, hook)
        for path in list(sys.path_importer_cache):
            if os.path.join(path, "").startswith(self._folders):
                del sys.path_importer_cache[path]

    def news(self) -> Optional[bytes]:
        """The file as it should stand now; `None` when it does already."""
        compiled, self._compiled = self._compiled, {}
        if not compiled:
            return None
        self._known.update((path, _dumps(code)) for path, code in compiled.items())
        data = MAGIC_NUMBER + _dumps(self._known)
        return data if len(data) <= _BYTES_MAX else None

    def _code_of(self, path: str, compile_source: Callable[[], Optional[CodeType]]) -> Optional[CodeType]:
        known = self._known.get(path)
        if known is not None:
            return _loads(known)
        code = compile_source()
        if code is not None:
            self._compiled[path] = code
        return code


def _read(path: str) -> Dict[str, bytes]:
    try:
        with open(path, "rb") as file:
            data = file.read()
        return _loads(data[4:]) if data[:4] == MAGIC_NUMBER else {}
    except (OSError, ValueError, EOFError, TypeError):
        # Not there yet, or cut short: it is made anew.
        return {}
