"""Where answers are kept: in memory, and in an SQLite file that several processes may share."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgedit_gym.core.errors import ImgEditError

if TYPE_CHECKING:
    import torch

_SCHEMA_VERSION = 1
_WAIT = 60.0
"""Seconds to wait for another process that is writing."""

_MOST_KEYS = 500
"""Keys looked up in one query; SQLite takes a limited number of arguments."""

_INHERITED: list[sqlite3.Connection] = []
"""Connections of the process that this one was forked from."""


class Store:
    """Texts by key.

    A text is written in a transaction of its own: what :meth:`write` returned from is there after the process is
    killed, and a half-written one is never read. SQLite's write-ahead log lets other processes read meanwhile; the file
    must not be on a network drive.

    Args:
        path: File to keep the texts in; made if it is not there. ``None`` keeps them in memory only.
        size: Texts kept in memory at most; the longest unused ones are dropped first.

    Raises:
        ImgEditError: If the file is not such a store, or cannot be opened.
    """

    def __init__(self, path: str | Path | None = None, size: int = 100_000) -> None:
        if not isinstance(size, int) or size < 1:
            raise ImgEditError(f"cache size must be a whole number of at least 1; found {size!r}")
        self.path = None if path is None else Path(path)
        self.size = size
        self.hits = self.misses = 0
        self._memory: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.RLock()
        self._file: sqlite3.Connection | None = None
        self._pid = 0
        if self.path is not None:
            self._connection()

    def read(self, keys: Iterable[str]) -> dict[str, str]:
        """The texts that are known, by key.

        Raises:
            ImgEditError: If the file cannot be read.
        """
        with self._lock:
            keys = list(keys)
            found = {}
            for key in keys:
                if key in self._memory:
                    self._memory.move_to_end(key)
                    found[key] = self._memory[key]
            open_keys = [key for key in keys if key not in found]
            if self.path is not None and open_keys:
                for start in range(0, len(open_keys), _MOST_KEYS):
                    part = open_keys[start : start + _MOST_KEYS]
                    query = f"SELECT key, text FROM answers WHERE key IN ({','.join('?' * len(part))})"
                    for key, text in self._execute(query, part):
                        found[key] = text
                        self._remember(key, text)
            self.hits += len(found)
            self.misses += len(keys) - len(found)
            return found

    def write(self, key: str, text: str) -> None:
        """Keep a text; it is safe once this returns. The first text of a key stays, here and in the file.

        Raises:
            ImgEditError: If the file cannot be written.
        """
        with self._lock:
            if self.path is not None:
                self._execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, text))
                # another process may have been faster
                kept = self._execute("SELECT text FROM answers WHERE key = ?", (key,))
                text = kept[0][0] if kept else text
            self._remember(key, self._memory.get(key, text) if self.path is None else text)

    def forget(self, texts: Mapping[str, str]) -> None:
        """Drop texts that turned out to be damaged, by key; what is there in their place by now stays.

        Raises:
            ImgEditError: If the file cannot be written.
        """
        with self._lock:
            for key, text in texts.items():
                if self._memory.get(key) == text:
                    del self._memory[key]
                if self.path is not None:
                    self._execute("DELETE FROM answers WHERE key = ? AND text = ?", (key, text))

    def __len__(self) -> int:
        with self._lock:
            if self.path is None:
                return len(self._memory)
            return int(self._execute("SELECT COUNT(*) FROM answers")[0][0])

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        with self._lock:
            self._leave_to_parent()
            if self._file is not None:
                self._file.close()
            self._file = None

    def _remember(self, key: str, text: str) -> None:
        self._memory[key] = text
        self._memory.move_to_end(key)
        while len(self._memory) > self.size:
            self._memory.popitem(last=False)

    def _execute(self, query: str, values: Sequence[str] = ()) -> list[Any]:
        try:
            return self._connection().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise ImgEditError(f"{self.path}: the cache cannot be used: {error}") from None

    def _connection(self) -> sqlite3.Connection:
        # a connection must not be carried over a fork: neither used in the child nor closed there
        if self._file is None or self._pid != os.getpid():
            assert self.path is not None
            self._leave_to_parent()
            self._file, self._pid = _open(self.path), os.getpid()
        return self._file

    def _leave_to_parent(self) -> None:
        if self._file is not None and self._pid != os.getpid():
            _INHERITED.append(self._file)
            self._file = None

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "size": self.size}

    def __setstate__(self, held: dict[str, object]) -> None:
        self.__init__(**held)  # type: ignore[misc]


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        version = file.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _SCHEMA_VERSION):
            raise ImgEditError(f"{path}: expected a cache of version {_SCHEMA_VERSION}; found version {version}")
        file.execute("PRAGMA journal_mode=WAL")
        # enough for a killed process; after a power failure the last answers may be missing, none is damaged
        file.execute("PRAGMA synchronous=NORMAL")
        file.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID")
        file.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
    except (sqlite3.Error, OSError) as error:
        raise ImgEditError(f"{path}: expected a file for the cache, or none yet; {error}") from None
    return file


def picture_digest(picture: torch.Tensor) -> str:
    """Names the content of a picture or a mask, ``uint8 [H, W, 3]`` or ``bool [H, W]``."""
    pixels = picture.contiguous().cpu().numpy()
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
