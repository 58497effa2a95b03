metadata(version="0.1.0", description="What aioctl shows to people: status, results, tracebacks.")
require("aiocontrol")
require("aiosupervisor")
package("aiostatus", base_path="..", opt=3)
