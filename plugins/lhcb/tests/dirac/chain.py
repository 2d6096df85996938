"""What DIRAC's own X509Chain says of a proxy: run in DIRAC's interpreter."""

import json
import sys

from DIRAC.Core.Base.Script import Script

cfg, path = sys.argv[1:]
sys.argv = ["chain", "--cfg", cfg]
Script.parseCommandLine()

from DIRAC.Core.Security.X509Chain import X509Chain  # noqa: E402 - its configuration comes first

chain = X509Chain()
loaded = chain.loadProxyFromFile(path)
assert loaded["OK"], loaded
asked = ("isProxy", "isLimitedProxy", "isRFC", "isValidProxy", "getDIRACGroup")
print("RESULT", json.dumps({name: getattr(chain, name)().get("Value") for name in asked}))
