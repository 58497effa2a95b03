# What the stubs of MicroPython leave out: the module that its asyncio is made of.
# Source: micropython/micropython, extmod/asyncio/core.py and task.py, 1.22 to 1.29.

from typing import Any

from .exceptions import CancelledError as CancelledError
from .exceptions import TimeoutError as TimeoutError
from .tasks import Task as Task
from .tasks import create_task as create_task
from .tasks import sleep_ms as sleep_ms

cur_task: Any  # None outside of a task
_task_queue: TaskQueue
_io_queue: IOQueue
_exc_context: dict[str, Any]
run_until_complete: Any
Loop: Any

class TaskQueue:
    def peek(self) -> Any: ...
    def push(self, task: Any, ticks: int | None = None, /) -> None: ...
    def pop(self) -> Any: ...
    def remove(self, task: Any, /) -> None: ...

class IOQueue:
    poller: Any
    map: dict[int, list[Any]]
    def queue_read(self, s: Any) -> None: ...
    def queue_write(self, s: Any) -> None: ...
    def remove(self, task: Any) -> None: ...
    def wait_io_event(self, dt: int) -> None: ...

def ticks() -> int: ...
def get_event_loop(runq_len: int = 0, waitq_len: int = 0) -> Any: ...
