# Freezes the four modules and all of lib/ into a firmware. In the manifest of your board:
#     include("path/to/this/manifest.py")
# Needs nothing of micropython-lib. For less, name the four here and parts of lib/ yourself.

import os

metadata(version="0.1.0", description="A supervisor for asyncio tasks.")

for name in ("aioctl", "aioschedule", "aiolog", "aiorepl"):
    module(name + ".py", opt=3)
for name in sorted(os.listdir("lib")):
    path = os.path.join("lib", name)
    if name.endswith(".py"):
        module(name, base_path="lib", opt=3)
    elif os.path.exists(os.path.join(path, "__init__.py")):
        # By name: the manifest of the part lies among them.
        files = sorted(f for f in os.listdir(path) if f.endswith(".py") and f != "manifest.py")
        package(name, files, base_path="lib", opt=3)
