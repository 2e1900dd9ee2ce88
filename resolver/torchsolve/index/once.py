"""Work that is done once, however many threads ask for it, and may be begun ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, cast

from torchsolve.errors import TorchsolveError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")


class _Answer:
    """What came of a work, once ``pending`` is free: a future that a run can have hundreds of."""

    __slots__ = ("error", "pending", "value")

    def __init__(self) -> None:
        self.value: object = None
        self.error: BaseException | None = None
        self.pending = threading.Lock()
        self.pending.acquire()

    def result(self) -> object:
        """Waits for it; raises what the work raised."""
        with self.pending:
            if self.error is not None:
                raise self.error
            return self.value


class Once:
    """Answers by key. An expected error is an answer too; a defect is not kept."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._answers: dict[Hashable, _Answer] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def answer(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` returned or raised for this key, at the first call or before."""
        with self._lock:
            answer = self._answers.get(key)
            ours = answer is None
            if answer is None:
                answer = self._answers[key] = _Answer()
        if ours:
            return self._do(key, answer, work)
        return cast("T", answer.result())

    def begin(self, key: Hashable, work: Callable[[], object]) -> None:
        """Does the work on another thread, unless it is begun; raises nothing."""
        with self._lock:
            if key in self._answers:
                return
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(self._threads, "index")
            self._pool.submit(self._quietly, key, work)

    def close(self) -> None:
        """Drops what was not begun."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _do(self, key: Hashable, answer: _Answer, work: Callable[[], T]) -> T:
        try:
            result = work()
        except BaseException as error:
            if not isinstance(error, TorchsolveError):
                self._answers.pop(key, None)
            answer.error = error
            raise
        else:
            answer.value = result
            return result
        finally:
            answer.pending.release()

    def _quietly(self, key: Hashable, work: Callable[[], object]) -> None:
        with suppress(TorchsolveError):
            self.answer(key, work)
