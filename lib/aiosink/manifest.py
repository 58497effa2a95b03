metadata(version="0.1.0", description="A log on the flash, to syslog, to another stream.")
require("aiosupervisor")
require("aiotail")
package("aiosink", base_path="..", opt=3)
