"""Where a run is kept: a folder, or an object store that a URL names. What is written there is `_commit.py`.

A key is the path of a file within the run, with slashes. A file is replaced by one that has reached the disk, or not at
all. One process at a time holds the lock of a place; when it dies, the lock is free.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ._errors import RunError
from ._hostile import MAX_CHECKPOINT, check_file

try:
    import fcntl
except ImportError:  # Windows has no locks on folders
    fcntl = None  # type: ignore[assignment]

URL = re.compile(r"[A-Za-z][\w+.:-]+:/")
"""How a URL begins; ``C:/`` is a drive."""
PARTIAL = ".partial"
LARGE = 2**20
LEASE_SECONDS = 30.0
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What file systems without locks say: there a run is not protected from a second writer, as on Windows."""


def place_of(where: Any, what: str) -> Folder | Bucket:
    """The place that a path or a URL names; a place is itself."""
    if isinstance(where, (Folder, Bucket)):
        return where
    if not isinstance(where, (str, os.PathLike)) or not os.fspath(where):
        raise RunError(f"{what} must be the path of a folder for the run, or a URL, got {where!r}.")
    text = os.fspath(where)
    if isinstance(text, str) and (found := URL.match(text)):
        if not text.startswith(found[0] + "/"):
            raise RunError(f"{what} {text!r}: a Path loses one of the slashes of a URL: give it as text.")
        if "::" in text:
            raise RunError(
                f"{what} {text!r} is a chain of URLs, to which a run cannot be written: give the last alone."
            )
        return Bucket(text)
    return Folder(Path(where))


class Folder:
    """A folder of the file system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pending: list[tuple[Path, Path]] = []

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        return os.path.lexists(self.path)

    def check_links(self) -> None:
        """`RunError` if there is a link in the folder: nothing is written through it or deleted behind it."""
        found = (Path(top, name) for top, *names in os.walk(self.path) for name in (*names[0], *names[1]))
        if any(path.is_symlink() for path in found):
            raise RunError(f"{self} is not written to: there are links in it, which may lead elsewhere.")

    def zarr(self) -> Any:
        """The place as zarr knows it."""
        from zarr.storage import LocalStore

        return LocalStore(self.path)

    def read(self, key: str, most: int = MAX_CHECKPOINT) -> bytes | None:
        try:
            return check_file(self.path, key, most).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, key: str, *parts: Any) -> None:
        """A file of these bytes, one after the other; a small one appears with the next `sync`."""
        path = self.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            try:
                views = [memoryview(part).cast("B") for part in parts]
                is_large = sum(map(len, views)) >= LARGE
                for left in views:
                    while left:
                        left = left[os.write(file, left) :]
                if is_large:  # now, while the next one is made; small ones reach the disk faster all at once
                    os.fsync(file)
            finally:
                os.close(file)
            if is_large:
                os.replace(temporary, path)
            else:
                self.pending.append((temporary, path))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def sync(self, keys: Iterable[str]) -> None:
        """Return when all files, and the names of these in their folders, have reached the disk."""
        for temporary, _ in self.pending:
            _flush(temporary, os.O_RDWR)
        while self.pending:
            os.replace(*self.pending[0])
            self.pending.pop(0)
        folders = {folder.as_posix() for key in keys for folder in Path(key).parents}
        for folder in sorted(folders, reverse=True):
            _flush_folder(self.path / folder)

    def remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            (self.path / key).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # a folder that is not empty stays
                for folder in Path(key).parents[:-1]:
                    (self.path / folder).rmdir()

    def keys(self) -> Iterator[str]:
        for top, _, names in os.walk(self.path):
            yield from (Path(top, name).relative_to(self.path).as_posix() for name in names)

    def sizes(self) -> dict[str, int]:
        """How many bytes each file has."""
        return {key: (self.path / key).lstat().st_size for key in self.keys()}

    def free(self) -> int | None:
        """Bytes of room on the disk."""
        path = self.path.absolute()
        try:
            return shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free
        except OSError:
            return None

    def check_held(self) -> None:
        """Who holds the lock of a folder does not lose it."""

    check_time = check_held

    def lock(self) -> contextlib.ExitStack:
        """Hold the folder until the stack is closed; the folder itself is the lock, and may be renamed meanwhile."""
        with contextlib.ExitStack() as held:  # closed by an error
            if fcntl is not None:
                handle = os.open(self.path, os.O_RDONLY)
                held.callback(os.close, handle)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    self._refuse()
                except OSError as e:
                    if e.errno not in NO_LOCKS:
                        raise
                if not os.path.samestat(os.fstat(handle), os.stat(self.path)):  # replaced before it was locked
                    self._refuse()
            return held.pop_all()

    def _refuse(self) -> None:
        raise RunError(f"{self} is being written by another process: wait until it is done.") from None

    # ---- a new run -------------------------------------------------------------------------------------------------

    def begin(self) -> tuple[Folder, contextlib.ExitStack]:
        """A folder beside this one in which the run takes shape, and its lock; those of runs that died are removed."""
        parent = self.path.absolute().parent
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f".{glob.escape(self.path.name)}.*{PARTIAL}"):
            with contextlib.suppress(RunError, OSError), Folder(left).lock():
                shutil.rmtree(left)
        new = Folder(parent / f".{self.path.name}.{secrets.token_hex(4)}{PARTIAL}")
        new.path.mkdir()
        return new, new.lock()

    def take(self, new: Folder) -> None:
        """`new` is complete: it becomes this folder, and what was here is removed."""
        old = new.path.with_suffix(f".old{PARTIAL}")
        if self.exists():
            with self.lock():
                os.rename(self.path, old)
        try:
            os.rename(new.path, self.path)
        except OSError:
            if self.exists():
                raise RunError(f"{self} exists already: choose another path, or set overwrite=True.") from None
            raise
        _flush_folder(self.path.absolute().parent)
        new.path = self.path
        shutil.rmtree(old, ignore_errors=True)


def _flush(path: Path, how: int) -> None:
    handle = os.open(path, how)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(path: Path) -> None:
    if os.name == "posix":  # elsewhere folders cannot be opened
        _flush(path, os.O_RDONLY)


class Bucket:
    """An object store such as ``s3://bucket/run.zarr``, by fsspec; settings come from fsspec's configuration."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec

            self.fs, self.root = fsspec.core.url_to_fs(url.rstrip("/"))
        except (ImportError, ValueError) as e:
            raise RunError(
                f"{url!r} cannot be used: {str(e).rstrip('.')}. For s3:// install bouton[remote]; other object stores "
                "need their own package of fsspec."
            ) from None
        self.url = url.rstrip("/")

    def __str__(self) -> str:
        return self.url

    def exists(self) -> bool:
        self.fs.invalidate_cache()
        return self.fs.exists(f"{self.root}/zarr.json")

    def check_links(self) -> None:
        """There are none."""

    def zarr(self) -> Any:
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(self.url)

    def read(self, key: str, most: int = MAX_CHECKPOINT) -> bytes | None:
        try:
            return self.fs.cat_file(f"{self.root}/{key}")
        except FileNotFoundError:
            return None

    def write(self, key: str, *parts: Any) -> None:
        self.check_time()
        self.fs.pipe_file(f"{self.root}/{key}", b"".join(parts))

    def sync(self, keys: Iterable[str]) -> None:
        """An object that has been put is safe."""

    def remove(self, keys: Iterable[str]) -> None:
        if paths := [f"{self.root}/{key}" for key in keys]:
            self.fs.rm(paths)

    def keys(self) -> Iterator[str]:
        self.fs.invalidate_cache()
        for path in self.fs.find(self.root):
            yield path.removeprefix(self.root + "/")

    def sizes(self) -> dict[str, int]:
        self.fs.invalidate_cache()
        found = self.fs.find(self.root, detail=True).items()
        return {path.removeprefix(self.root + "/"): info["size"] for path, info in found}

    def free(self) -> int | None:
        return None

    def lock(self) -> contextlib.ExitStack:
        self.lease = _Lease(self)
        return self.lease.held

    def check_held(self) -> None:
        """`RunError` if another process has taken the lock, because this one was away for too long."""
        self.lease.check()

    def check_time(self) -> None:
        """`RunError` if another process may have taken the lock."""
        self.lease.check_time()

    def begin(self) -> tuple[Bucket, contextlib.ExitStack]:
        return self, self.lock()

    def take(self, new: Bucket) -> None:
        """What was here before has been replaced by the commit."""


class _Lease:
    """The lock of an object store: numbered objects ``<run>.lock/<n>``, of which the highest counts.

    To hold it is to have created the next number, which only one can do, and to renew it; who dies stops renewing, and
    after `LEASE_SECONDS` another may take the next number. Who has not renewed for so long has lost it for good, and
    writes nothing any more.
    """

    def __init__(self, place: Bucket) -> None:
        self.place, self.fs, self.folder = place, place.fs, f"{place.root}.lock"
        self.owner, self.done = secrets.token_hex(8), threading.Event()
        last = self._last()
        if last and (lease := self._read(last)) and lease["until"] > time.time():
            self._refuse()
        self.number = last + 1
        try:
            self._put(mode="create")
        except FileExistsError:
            self._refuse()
        if before := [self._path(n) for n in self._numbers() if n < self.number]:
            self.fs.rm(before)
        self.thread = threading.Thread(target=self._renew, daemon=True)
        self.thread.start()
        self.held = contextlib.ExitStack()
        self.held.callback(self._release)

    def _refuse(self) -> None:
        raise RunError(
            f"{self.place} is being written by another process: wait until it is done, or, if it has died, "
            f"{LEASE_SECONDS:g} s."
        )

    def _path(self, number: int) -> str:
        return f"{self.folder}/{number:09d}"

    def _numbers(self) -> list[int]:
        self.fs.invalidate_cache()
        return sorted(int(path.rpartition("/")[2]) for path in self.fs.find(self.folder))

    def _last(self) -> int:
        return max(self._numbers(), default=0)

    def _read(self, number: int) -> Any:
        try:
            return json.loads(self.fs.cat_file(self._path(number)))
        except (FileNotFoundError, ValueError):
            return None

    def _put(self, **how: Any) -> None:
        until = time.time() + LEASE_SECONDS
        self.fs.pipe_file(self._path(self.number), json.dumps({"owner": self.owner, "until": until}).encode(), **how)
        self.until = until

    def _renew(self) -> None:
        while not self.done.wait(LEASE_SECONDS / 3) and time.time() < self.until:
            with contextlib.suppress(Exception):  # the next attempt may succeed; if none does, the lease ends
                self._put()

    def check(self) -> None:
        self.check_time()
        lease = self._read(self.number)
        if self._last() != self.number or not lease or lease["owner"] != self.owner:
            self._lost()

    def check_time(self) -> None:
        if time.time() > self.until:
            self._lost()

    def _lost(self) -> None:
        raise RunError(f"{self.place} has been taken over by another process, or may have been: it was not renewed.")

    def _release(self) -> None:
        self.done.set()
        self.thread.join()
        with contextlib.suppress(Exception):
            if time.time() < self.until:
                self.fs.rm(self._path(self.number))
