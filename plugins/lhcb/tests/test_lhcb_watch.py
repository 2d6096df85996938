"""The watch inside a machine: near the end it keeps the agent from taking more, and not before."""

from __future__ import annotations

import time

import pytest
from vac_lhcb.inside.outputs import Outputs
from vac_lhcb.inside.watch import Watch


@pytest.fixture
def watched(tmp_path):
    """Look once, so many seconds before the machine's end; the file that stops the agent, and the outputs."""

    def look(left, **changes):
        drain, spool = tmp_path / "dirac_drain", tmp_path / "spool"
        settings = {"drain_file": str(drain), "drain_seconds": 7200, "heartbeat_file": "heartbeat", **changes}
        outputs = Outputs({"joboutputs": str(spool), "spool": "/nonexistent"})
        watch = Watch(settings, outputs, None if left is None else time.time() + left)
        watch.over.set()
        watch.run()
        return drain, spool

    return look


def test_near_its_end_a_machine_takes_no_more_jobs(watched):
    assert watched(7100)[0].exists()


@pytest.mark.parametrize("left", [7300, None])
def test_long_before_or_where_nobody_knows_it_does(watched, left):
    assert not watched(left)[0].exists()


def test_where_the_file_would_be_the_host_s_own_there_is_none(watched):
    assert not watched(100, drain_file="")[0].exists()


def test_a_file_that_cannot_be_made_is_only_told(watched, capsys):
    watched(100, drain_file="/nonexistent/dirac_drain")
    assert "/nonexistent/dirac_drain cannot be made" in capsys.readouterr().out


def test_the_heartbeat_is_the_load_and_the_uptime(watched):
    _, spool = watched(None)
    assert len([float(one) for one in (spool / "heartbeat").read_text().split()]) == 5
