"""What an implementation can do; the earlier interface returns no record and knows no policy."""

import gauge

if gauge.SIDE == "bare":
    import bare as registry
else:
    import aioctl as registry

gauge.report(records=gauge.SIDE == "bare" or hasattr(registry, "join"))
