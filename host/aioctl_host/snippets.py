"""What is run on the board, as MicroPython text. Needs MicroPython 1.22.

The functions are sent once a connection, into a dict `__aioctl`: the only name that is left in
the globals of the program meanwhile, and it goes with the connection.
"""

MARK = "\x1e"  # before the answer: whatever else is printed is for a person
WAIT_S = 4  # so long one snippet of `log -f` waits: after that a host that died is forgotten

AWAIT = "await __import__('asyncio').sleep_ms(0)"

BEGIN = """
__aioctl={}
def __aioctl_f(n,*a):
 import json
 print('\\x1e'+json.dumps(__aioctl[n](*a)))
__aioctl['']=__aioctl_f
"""
END = "del __aioctl,__aioctl_f"


def define(name):
    """The text that enters the function FUNCTIONS[name] in the dict."""
    text = FUNCTIONS[name].strip().replace("def f(", "def __aioctl_f(", 1)
    return f"{text}\n__aioctl[{name!r}]=__aioctl_f\n"


def call(name, args):
    """The text that calls a function of the dict and prints its value as JSON after MARK."""
    return f"__aioctl['']{(name, *args)!r}"


# The names of all tasks; None where aioctl is not in use.
NAMES = """
def f():
 import sys
 m=sys.modules.get('aioctl')
 return m and [r.name for r in m.records()]
"""

INFO = """
def f(names):
 import aioctl
 d={}
 for n in names:
  try: d[n]=aioctl.info(n)
  except KeyError: pass
 return d
"""

# A verb of aioctl: [what it returned, the text of its exception].
VERB = """
def f(verb,name):
 import aioctl
 try: return [getattr(aioctl,verb)(name),None]
 except Exception as e: return [None,aioctl.err_text(e)]
"""

HAS_LOG = """
def f():
 import aioctl
 return aioctl._AIOCTL_LOG is not None
"""

LOG = """
def f(grep):
 import aioctl
 aioctl.log(grep)
"""

# The log from `place` on; the place behind it.
SINCE = """
def f(place,grep):
 import aioctl,aiotail
 return aiotail.since(aioctl._AIOCTL_LOG,place,grep)
"""

NEWS = (
    "print('\\x1e%d'%await __import__('aiotail')"
    ".news(__import__('aioctl')._AIOCTL_LOG,{end},{wait}))"
)

# The failures that are noted: printed, or returned as dicts; False where none are noted.
CRASHES = """
def f(name,n,show):
 import sys
 import aioctl
 m=sys.modules.get('aiocrash')
 h=m and m.history
 if not h: return False
 if show: return aioctl.crashes(name,n)
 l=[e for e in h.entries if name is None or aioctl.matches(name,e['name'])]
 return l if n is None else l[-n:] if n else []
"""

BOOT = """
def f(show):
 import aiocrash
 return aiocrash.boot_report() if show else aiocrash.boot_info()
"""

SAMPLE = """
def f(seconds):
 import aiowatchdog
 aiowatchdog.sample(seconds)
"""

# What is known of no task alone, or of these tasks.
TOP = """
def f(names):
 import aioctl
 from aiowatchdog import show
 if names is None: return show.summary()
 return show.rows([r for r in aioctl.records() if r.name in names])
"""

# Files. Paths are relative to the folder in which the board starts, its root.

BOARD = """
def f(mark):
 import os,sys
 s=os.statvfs('.')
 try:
  with open('main.py') as m: half=m.readline().startswith(mark)
 except OSError: half=False
 v=sys.implementation
 return {'block':s[1] or s[0],'free':s[0]*s[4],'half':half,
  'mpy':getattr(v,'_mpy',0)&255,'version':'.'.join([str(x) for x in v[1][:3]])}
"""

# The entries of folders and their sizes, -1 for a folder: {path: [[name, size], ...]}. A folder
# that is not there has none.
LIST = """
def f(paths):
 import os
 d={}
 for p in paths:
  l=d[p]=[]
  try:
   for e in os.ilistdir(p or '.'):
    n=-1
    if e[1]!=0x4000: n=e[3] if len(e)>3 else os.stat(p+'/'+e[0] if p else e[0])[6]
    l.append([e[0],n])
  except OSError: pass
 return d
"""

# The SHA-256 of files.
HASH = """
def f(paths):
 import hashlib
 from binascii import hexlify
 b=memoryview(bytearray(512))
 l=[]
 for p in paths:
  h=hashlib.sha256()
  with open(p,'rb') as s:
   while 1:
    n=s.readinto(b)
    if not n: break
    h.update(b[:n])
  l.append(hexlify(h.digest()).decode())
 return l
"""

FOLDERS = """
def f(paths):
 import os
 for p in paths: os.mkdir(p)
"""

# Writes a piece of a file: reads n characters of base64 from the line. first, last: opens the
# file, closes it. 64 at a time: what comes as one packet of USB. Nothing is sent before MARK: a
# serial line has no room for what comes while the board is busy with its flash.
PUT = """
def f(p,n,first,last):
 import sys,select
 from binascii import a2b_base64
 if first:
  s=select.poll()
  s.register(sys.stdin,1)
  __aioctl['file']=open(p,'wb'),s,memoryview(bytearray(n))
 f,s,m=__aioctl['file']
 r=sys.stdin.buffer.readinto
 if n: print('\\x1e',end='')
 i=0
 while i<n:
  if not s.poll(5000): raise OSError('the host is gone')
  i+=r(m[i:min(i+64,n)])
 f.write(a2b_base64(m[:n]))
 if last: f.close()
"""

COPY = """
def f(a,b):
 import os
 with open(a,'rb') as s:
  with open(b+'.new','wb') as d:
   while 1:
    x=s.read(512)
    if not x: break
    d.write(x)
 os.rename(b+'.new',b)
"""

RENAME = """
def f(a,b):
 import os
 os.rename(a,b)
"""

REMOVE = """
def f(p):
 import os
 os.remove(p)
"""

# Runs the stand-in for main.py, without the reset at its end.
SWITCH = """
def f():
 with open('main.py') as m: s=m.read()
 exec(s,{'__name__':'half'})
"""

# boot.py counts the starts that failed: this one is wanted.
RESET = """
try: __import__('os').remove('boot.fails')
except OSError: pass
__import__('machine').reset()
"""

BOOT_LOADER = "__import__('machine').bootloader()"

FUNCTIONS = {
    "names": NAMES,
    "info": INFO,
    "verb": VERB,
    "has_log": HAS_LOG,
    "log": LOG,
    "since": SINCE,
    "crashes": CRASHES,
    "boot": BOOT,
    "sample": SAMPLE,
    "top": TOP,
    "board": BOARD,
    "list": LIST,
    "hash": HASH,
    "folders": FOLDERS,
    "put": PUT,
    "copy": COPY,
    "rename": RENAME,
    "remove": REMOVE,
    "switch": SWITCH,
}
