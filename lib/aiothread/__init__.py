"""Blocking functions beside the loop: executor="thread" of `aioctl.add`, `await aiothread.run`.

As CPython's asyncio.to_thread(), in a bounded pool. A thread cannot be ended from outside: once
its task is cancelled or timed out, the function runs on, holds its place, and its result is lost.
"""

import asyncio
import sys
from asyncio import core

from micropython import const

try:
    from _thread import start_new_thread
except ImportError:
    start_new_thread = None

# How many run at once: an RP2040 has one core beside that of the loop, and it takes one thread.
limit = 1 if sys.platform == "rp2" else 4

_ENDING_MS = const(100)  # in which a thread that has said its last word is gone
_AGAIN_MS = const(1)  # until it is looked for again
_jobs = []  # those whose thread runs; only the loop touches the list
_flag = _loop = None  # set by a thread at its end; the loop in which _collect() waits for that
_freed = None  # an asyncio.Event: one has ended
_collects = False


class _Threaded:
    # A blocking function as a coroutine function.
    def __init__(self, f):
        self._f = f
        self.__name__ = getattr(f, "__name__", None)

    def __call__(self, *args, **kwargs):
        return run(self._f, *args, **kwargs)


def threaded(f, executor="thread"):
    """Return a blocking function as a coroutine function, for `aioctl.add`.

    TypeError, ValueError, RuntimeError if that can't be: not a function, not "thread", no threads.
    """
    if executor != "thread":
        raise ValueError("executor: expected 'loop' or 'thread', got %r" % (executor,))
    _check(f)
    return _Threaded(f)


def _check(f):
    if start_new_thread is None:
        raise RuntimeError("executor: this firmware has no threads; takes 'loop'")
    if hasattr(f, "send") or not callable(f):
        raise TypeError("executor: expected a function for a thread, got %r" % (f,))


class _Job:
    def __init__(self, call):
        self.call = call
        self.over = False  # the thread's last word
        self.result = self.error = None
        self.ended = asyncio.Event()

    def body(self):
        f, args, kwargs = self.call
        try:
            self.result = f(*args, **kwargs)
        except BaseException as e:  # noqa: BLE001 - it is raised where the thread is awaited
            self.error = e
        self.over = True
        _flag.set()  # pyright: ignore[reportOptionalMemberAccess]


async def run(f, *args, **kwargs):
    """Run f(*args, **kwargs) in a thread; return its result or raise its exception.

    Waits while `limit` threads run. TypeError if `f` is not a function, or makes a coroutine;
    RuntimeError without threads.
    """
    _check(f)
    _begin()
    while len(_jobs) >= limit:
        _freed.clear()
        await _freed.wait()
    job = _Job((f, args, kwargs))
    _jobs.append(job)
    try:
        _see_ends()
        await _start(job.body)
    except BaseException:
        _jobs.remove(job)
        _freed.set()
        raise
    await job.ended.wait()
    if job.error is not None:
        raise job.error
    if type(job.result) is _COROUTINE:
        raise TypeError("executor: expected a function that blocks, got a coroutine of %r" % (f,))
    return job.result


async def _start(body):
    for _ in range(_ENDING_MS // _AGAIN_MS):
        try:
            start_new_thread(body, ())  # pyright: ignore[reportOptionalCall]
            return
        except OSError:  # the core is in use
            if len(_jobs) > 1:
                raise
        # The thread before it is at its very end, of which nothing tells.
        await asyncio.sleep_ms(_AGAIN_MS)
    start_new_thread(body, ())  # pyright: ignore[reportOptionalCall]


def _begin():
    global _flag, _loop, _freed, _collects
    if _loop is not core._task_queue:  # the first use, or another asyncio.run()
        _loop = core._task_queue
        _flag = asyncio.ThreadSafeFlag()
        _freed = asyncio.Event()
        _collects = False
        for job in _jobs:
            job.ended = asyncio.Event()  # nobody waits for it any more
    _see_ends()


def _see_ends():
    # Also of threads that an earlier loop has left: they hold their places.
    global _collects
    if _jobs and not _collects:
        asyncio.create_task(_collect())
        _collects = True


async def _collect():
    # A flag can be awaited by one task only. It ends with the last thread: on the unix port a
    # flag that is awaited is asked every millisecond.
    global _collects
    while True:
        for job in _jobs[:]:
            if job.over:
                _jobs.remove(job)
                job.ended.set()
                _freed.set()
        if not _jobs:
            _collects = False
            return
        await _flag.wait()


_COROUTINE = type(_collect())
