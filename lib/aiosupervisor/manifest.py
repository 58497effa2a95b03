metadata(version="0.1.0", description="Restart policies for the tasks of aioctl.")
require("aiothread")
package("aiosupervisor", base_path="..", opt=3)
