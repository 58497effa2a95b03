"""Add, fire or remove schedules among many, on a clock that stands still between them.

Options: n schedules that are there; add, fire, remove: how many of each are done then.
"""

import gauge

import aioschedule


class Clock:
    s = ms = 0

    def now(self):
        return self.s


n = gauge.option("n")
clock = Clock()
scheduler = aioschedule.Scheduler(clock)
names = ["job%d" % i for i in range(n + gauge.option("add"))]
# Each is due in a second of its own; a start without a task costs what the scheduler costs.
for i in range(n):
    scheduler.schedule(names[i], start_in=1000 + i * 7919 % n, repeat=100000)
scheduler.run_pending()
for i in range(gauge.option("add")):
    scheduler.schedule(names[n + i], start_in=1000 + i * 31, repeat=100000)
for i in range(gauge.option("remove")):
    scheduler.drop(names[i * 7 % n])
for i in range(gauge.option("fire")):
    clock.s = 1000 + i
    scheduler.run_pending()
gauge.report(waiting=len(scheduler.table))
