"""`python -m aioctl_host`: the same as the command `aioctl`."""

import sys

from aioctl_host.cli import main

sys.exit(main())
