metadata(version="0.1.0", description="Blocking functions in threads beside the tasks of aioctl.")
package("aiothread", base_path="..", opt=3)
