"""Asks the triggers for times; one question a line of stdin, one answer a line of stdout, JSON.

    {"ask": "epoch", "year": 1970 or 2000}              what the port counts from, from here on
    {"ask": "times", "trigger": text, "after": [t, ...]}   n: how many, one after the other;
                                                        zone: text, then all times are UTC
    {"ask": "size", "expr": text}                       bytes that an expression is kept in
    {"ask": "zone", "zone": text, "do": "offset", "at": [t, ...]}

A trigger is Python text. The answer is a list with None where there is no time, or the error as
text.
"""

import json
import sys

import aiotrigger
from aiotrigger import days

NAMES = {n: getattr(aiotrigger, n) for n in "Cron Interval Date And Or Window Jitter".split()}


def times(trigger, after, n=1, zone=None):
    trigger = eval(trigger, dict(NAMES))
    ask = trigger.next
    if zone:
        zone = aiotrigger.Zone(zone)
        ask = lambda t: zone.next(trigger, t)  # noqa: E731
    found = []
    for t in after:
        for _ in range(n):
            if t is not None:
                t = ask(t)
            found.append(t)
    return found


def size(expr):
    return len(aiotrigger.Cron(expr).table)


def zone(zone, do, at):
    do = getattr(aiotrigger.Zone(zone), do)
    return [do(t) for t in at]


def epoch(year):
    days.count_from(year)


def main():
    for line in sys.stdin:
        question = json.loads(line)
        ask = {"times": times, "size": size, "zone": zone, "epoch": epoch}[question.pop("ask")]
        try:
            answer = ask(**question)
        except (ValueError, TypeError) as e:
            answer = "%s: %s" % (type(e).__name__, e)
        print(json.dumps(answer))


main()
