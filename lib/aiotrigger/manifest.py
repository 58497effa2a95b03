metadata(version="0.1.0", description="When something is due: cron, intervals, time zones.")
package("aiotrigger", base_path="..", opt=3)
