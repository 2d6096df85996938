"""Give the user's proxy into the server's keeping: run in DIRAC's interpreter, as the user."""

import sys

from DIRAC.Core.Base.Script import Script

cfg, path = sys.argv[1:]
sys.argv = ["upload_proxy", "--cfg", cfg]
Script.parseCommandLine()

from DIRAC.Core.Security.X509Chain import X509Chain  # noqa: E402 - its configuration comes first
from DIRAC.FrameworkSystem.Client.ProxyManagerClient import gProxyManager  # noqa: E402

chain = X509Chain()
loaded = chain.loadProxyFromFile(path)
assert loaded["OK"], loaded
done = gProxyManager.uploadProxy(chain)
assert done["OK"], done
