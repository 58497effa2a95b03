"""What must be written before the board goes down: logs in files, histories, stores."""

from .report import err_text

open_files = []  # whatever has a flush() that writes what is only in memory


def flush(files=open_files):
    """Flush them all; what one of them raises is printed, and keeps none of the others back."""
    for f in files[:]:
        try:
            f.flush()
        except Exception as e:  # noqa: BLE001 - a guard: the shutdown or reset must come
            try:
                print("not written before the end: " + err_text(e))
            except MemoryError:
                pass
