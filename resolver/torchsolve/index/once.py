"""Work that is done once, however many threads ask for it, and may be begun ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar, cast

from torchsolve.errors import TorchsolveError

T = TypeVar("T")


class Once:
    """Answers by key. An expected error is an answer too; a defect is not kept."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._answers: dict[Hashable, Future[object]] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def answer(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` returned or raised for this key, at the first call or before."""
        with self._lock:
            answer = self._answers.get(key)
            ours = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if ours:
            return self._do(key, answer, work)
        return cast("T", answer.result())

    def begin(self, key: Hashable, work: Callable[[], object]) -> None:
        """Does the work on another thread, unless it is begun; raises nothing."""
        with self._lock:
            if key in self._answers:
                return
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, "index")
            self._pool.submit(self._quietly, key, work)

    def close(self) -> None:
        """Drops what was not begun."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _do(self, key: Hashable, answer: Future[object], work: Callable[[], T]) -> T:
        try:
            result = work()
        except BaseException as error:
            if not isinstance(error, TorchsolveError):
                self._answers.pop(key, None)
            answer.set_exception(error)
            raise
        answer.set_result(result)
        return result

    def _quietly(self, key: Hashable, work: Callable[[], object]) -> None:
        with suppress(TorchsolveError):
            self.answer(key, work)
