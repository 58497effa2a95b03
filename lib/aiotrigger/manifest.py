metadata(version="0.1.0", description="Starts at wall time for aioschedule.")
package("aiotrigger", base_path="..", opt=3)
