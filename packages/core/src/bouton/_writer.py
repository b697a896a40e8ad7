"""A thread that writes while the next chunk is computed. At most `WAITING` pieces of work wait, so memory is bounded.

The first error stops it; it is raised where the next piece of work is handed in, or at the end.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

WAITING = 2


class Writer:
    """``with Writer() as writer: writer.put(f)``: calls each `f` in turn; at the end of the block all are done.

    Where the block ends by an error, what waits is still done, and then `rescue`, which must not fail. `close` comes
    last, also where nobody waits any more because Ctrl-C was pressed twice.
    """

    def __init__(self) -> None:
        self.queue: queue.Queue[Callable[[], Any] | None] = queue.Queue(WAITING)
        self.error: BaseException | None = None
        self.rescue: Callable[[], Any] | None = None
        self.close: Callable[[], Any] | None = None
        self.has_failed = False
        self.waited = 0.0
        self.thread = threading.Thread(target=self._work, name="bouton-writer", daemon=True)

    def _work(self) -> None:
        while (task := self.queue.get()) is not None:
            if self.error is None:
                try:
                    task()
                except BaseException as e:
                    self.error = e
        if (self.has_failed or self.error is not None) and self.rescue is not None:
            self.rescue()
        if self.close is not None:
            self.close()

    def put(self, task: Callable[[], Any]) -> None:
        """Hand in work; waits while too much is waiting, and adds the seconds to `waited`."""
        if self.error is not None:
            raise self.error
        begun = time.monotonic()
        self.queue.put(task)
        self.waited += time.monotonic() - begun

    def call(self, task: Callable[[], Any]) -> Any:
        """The result of `task`, and of all that was handed in before, when it is done."""
        found: list[Any] = []
        done = threading.Event()
        self.put(lambda: found.append(task()))
        self.queue.put(done.set)
        while not done.wait(0.05) and self.error is None:
            pass
        if self.error is not None:
            raise self.error
        return found[0]

    def __enter__(self) -> Writer:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.has_failed = kind is not None
        self.queue.put(None)
        self.thread.join()
        if kind is None and self.error is not None:
            raise self.error
