metadata(version="0.1.0", description="Reading the log of aiolog: cat and follow.")
package("aiotail", base_path="..", opt=3)
