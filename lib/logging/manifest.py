metadata(version="0.1.0", description="The part of CPython's logging that boards use.")
package("logging", base_path="..", opt=3)
