metadata(version="0.1.0", description="Reads and checks config.json for main.py.")
package("aioconfig", base_path="..", opt=3)
