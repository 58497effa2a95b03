"""Write lines of 60 bytes to the log, or show its full 2 kB through a pattern.

Options: writes, cats. Reports the heap that one of them takes, collections being off.
"""

import gc

import gauge

LINE = "2026-01-01 12:00:00 [board] [INFO] [task_7] sample line 42\n"
LINE = LINE[:-1] + "." * (60 - len(LINE)) + "\n"

if gauge.SIDE == "bare":
    import bare

    write = bare.write

    def cat(grep):
        bare.log.seek(0)
        for line in bare.log:
            if grep in line:
                print(line, end="")
else:
    from aiolog import streamlog

    write = streamlog.write
    cat = streamlog.cat


def taken(call, argument, times):
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(times):
        call(argument)
    return gc.mem_alloc() - before


def main():
    writes = gauge.option("writes")
    cats = gauge.option("cats")
    pattern = "[task_7]" if gauge.SIDE == "bare" else "*task_7*"
    for _ in range(40):  # go round once, so that all further writes are alike
        write(LINE)
    cat("?")  # what reads is loaded at first use
    gc.disable()
    total = taken(write, LINE, writes) - taken(write, LINE, 0)
    total += taken(cat, pattern, cats) - taken(cat, pattern, 0)
    gc.enable()
    gauge.report(bytes=total / ((writes + cats) or 1))


main()
