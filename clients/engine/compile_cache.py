"""The cache of compiled code: whatever state its files are in, the code is compiled again instead of failing.

numba reads the files without any check. A truncated file, as a full disk or a power failure leaves it, ended every
later run, and a damaged one could be executed. Here each file starts with the digest of its content.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

_DIGEST_BYTES = 32  # SHA-256
# numba's stubs have none of these, and before numba 0.62 the name of the locator began with an underscore.
_caching: Any = caching
_Locator: Any = getattr(_caching, "UserProvidedCacheLocator", None) or _caching._UserProvidedCacheLocator  # noqa: SLF001
_File: Any = _caching.IndexDataCacheFile
_Implementation: Any = _caching.CompileResultCacheImpl
_Cache: Any = _caching.FunctionCache


def usable_folder(preferred: Path) -> Path | None:
    """Return the folder of compiled code; None if there is no place for one.

    If the preferred one can neither be written nor contains compiled code, a folder of this user in the temporary
    folder replaces it. Code is loaded from there, so no one else may write into it.
    """
    if _prepare(preferred) and (os.access(preferred, os.W_OK | os.X_OK) or any(preferred.rglob("*.nbi"))):
        return preferred
    try:
        private = Path(tempfile.gettempdir()) / f"holabench-{os.getuid()}"
        if _prepare(private) and _belongs_to_this_user(private) and _prepare(private / preferred.name):
            return private / preferred.name
        return Path(tempfile.mkdtemp(prefix="holabench-"))
    except OSError:
        return None


def enable(dispatcher: Any) -> None:
    """Load a function's code from the cache if it is there, and save it otherwise.

    Without a folder the function is compiled in every process.
    """
    if numba.config.CACHE_DIR:  # type: ignore[attr-defined] # numba.core.config sets its names at run time
        dispatcher._cache = _CheckedCache(dispatcher.py_func)  # noqa: SLF001 - as numba's enable_caching does


class _AnyFolder(_Locator):  # type: ignore[misc] # Any, see above
    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """Return the locator, also for a folder that is read-only."""
        return cls(py_func, py_file)


class _AnyFolderImplementation(_Implementation):  # type: ignore[misc] # as above
    _locator_classes = (_AnyFolder,)


class _CheckedFile(_File):  # type: ignore[misc] # as above
    def _load_index(self) -> Any:
        try:
            return super()._load_index()
        except Exception:
            return {}

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        data = Path(self._data_path(name)).read_bytes()
        digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise OSError(f"{name} is damaged")  # numba treats it like a file that is missing
        return _caching.pickle.loads(content)


class _CheckedCache(_Cache):  # type: ignore[misc] # as above
    _impl_class = _AnyFolderImplementation

    def __init__(self, py_func: Any) -> None:
        super().__init__(py_func)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _CheckedFile(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code of a signature; None if it has to be compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save the code of a signature, unless the disk is full or read-only."""
        try:
            super().save_overload(sig, data)
        except OSError:
            self.disable()


def _prepare(folder: Path) -> bool:
    """Return whether the folder exists, after making it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return True


def _belongs_to_this_user(folder: Path) -> bool:
    status = folder.lstat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022
