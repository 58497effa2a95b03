metadata(version="0.1.0", description="The console of aiorepl: editor, commands, raw REPL.")
package("aioconsole", base_path="..", opt=3)
