"""Who hears of what a scheduler does."""

import aioschedule

_TEXTS = {"started": "starting", "skipped": "start skipped, still running:"}


def set_log(log, scheduler=None):
    """Set the logger (its `info` is called) that is told of starts, or None."""

    def heard(event, _, rec):
        log.info("[schedule_loop] %s task %s", _TEXTS[event], rec.name)

    sched = scheduler or aioschedule.scheduler
    sched.heard = heard if log else None  # pyright: ignore[reportAttributeAccessIssue]
