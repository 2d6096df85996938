"""Mark the site as active, before anybody asks: run in DIRAC's interpreter, as the server."""

import sys

from DIRAC.Core.Base.Script import Script

cfg, site = sys.argv[1:]
sys.argv = ["prepare", "--cfg", cfg]
Script.parseCommandLine()

from DIRAC.ResourceStatusSystem.DB.ResourceStatusDB import ResourceStatusDB  # noqa: E402 - its configuration comes first

ACCESS = ("ReadAccess", "WriteAccess", "CheckAccess", "RemoveAccess")


def mark(table, name, kind, element):
    """Let an element be active for everybody."""
    told = {
        "Name": name,
        "StatusType": kind,
        "Status": "Active",
        "ElementType": element,
        "Reason": "test",
        "VO": "all",
        "TokenOwner": "rs_svc",
    }
    done = database.addOrModify(table, told)
    assert done["OK"], done


database = ResourceStatusDB()
mark("SiteStatus", site, "all", "Site")
for access in ACCESS:
    mark("ResourceStatus", "ProductionSandboxSE", access, "StorageElement")
