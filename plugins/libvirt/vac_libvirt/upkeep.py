"""What is done when libvirt has been reached, and then about once a minute: what events missed is put right."""

from __future__ import annotations

import logging
from pathlib import Path

from vac_core.interfaces import PluginError
from vac_libvirt.trial import try_type
from vac_libvirt.watching import Watching
from vac_libvirt.works import Works

logger = logging.getLogger(__name__)


class Upkeep:
    """Looks after the host of one factory's machines."""

    def __init__(self, works: Works, watching: Watching) -> None:
        self._works = works
        self._watching = watching
        self.refusal = ""
        """Why no machine can be made now; empty where it can."""

    def opened(self) -> None:
        """The connection is there, for the first time or again."""
        self._settle()
        self._watching.all_may_have_changed()
        self._watching.news()

    def again(self) -> None:
        """Some time has passed."""
        self._settle()
        self._works.parts.disks.upkeep()

    def _settle(self) -> None:
        works = self._works
        directory = Path(works.options.disk_directory)
        before = self.refusal
        try:
            with works.connection.use("KVM cannot be tried") as libvirtd:
                works.accelerator.settle(libvirtd, lambda now: try_type(now, "kvm", works.owner, directory))
            works.parts.network.ensure()
        except PluginError as problem:
            self.refusal = str(problem)
            if self.refusal != before:
                logger.error("no machine can be made: %s", problem)  # noqa: TRY400 - the message says all
        else:
            self.refusal = ""
        if self.refusal != before:
            self._watching.news()
