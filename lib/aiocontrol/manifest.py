metadata(version="0.1.0", description="The verbs of aioctl: start, stop, restart, join.")
require("aiostatus")
require("aiosupervisor")
package("aiocontrol", base_path="..", opt=3)
