"""What `mitmdump -s` loads: puts this folder on the import path and hands over the hooks.

Everything is imported here, once: mitmproxy takes the folder off the path again when this file
has been read, and a module that fails to import makes mitmdump exit before it serves anything.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

from bottle_addon.assemble import build  # noqa: E402

addons = build(os.environ)
