"""SIGKILL at each journalled step of real machines' lives: the next daemon finds everything as it should be."""

from __future__ import annotations

import pytest
from system.daemon_kit import Daemon, processes_of, shell
from system.deaths import die_and_clear_up

pytestmark = pytest.mark.system


@pytest.mark.parametrize("writes", range(1, 16))
def test_death_after_each_write_leaves_no_orphan_and_loses_no_record(daemon: Daemon, writes: int) -> None:
    quick = daemon.machinetype("quick", shell("echo '200 done' > $JOBOUTPUTS/shutdown_message"))
    slow = daemon.machinetype("slow", shell("exec sleep 600"))
    daemon.write_site(quick + slow)
    for machine_id in die_and_clear_up(daemon, writes):
        assert processes_of(machine_id) == []
