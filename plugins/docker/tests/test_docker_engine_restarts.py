"""An engine that is stopped, killed and started again under running machines, with the factory watching."""

from __future__ import annotations

import signal

import pytest
from docker_site import UNTIL_TOLD, Site
from image_server import wait_until

pytestmark = pytest.mark.system

LIVE = pytest.mark.parametrize("engine", [{"live-restore": True}], indirect=True, ids=["live-restore"])
DONE = "echo '200 after all' > $JOBOUTPUTS/shutdown_message"


def running(site: Site, *more: str) -> str:
    """Start the daemon; the id of a machine that runs until it is let go, and then does more."""
    site.write(site.machinetype("lhcb", UNTIL_TOLD, *more), settings="max_starting = 1\n")
    site.daemon.start()
    machine_id: str = site.daemon.wait_for(event_what="seen_running")["machine_id"]
    wait_until(site.output(machine_id, "up").exists)
    return machine_id


@LIVE
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_machines_go_on_while_the_engine_is_away_and_their_ends_are_seen(site: Site, how: signal.Signals) -> None:
    machine_id = running(site, DONE)
    site.host.end(how)
    wait_until(lambda: "start the engine" in site.why("lhcb"))
    assert site.daemon.events("gone") == []
    site.host.begin()
    site.let_go(machine_id)
    gone = site.daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "200 after all"
    site.daemon.wait_for(event_what="seen_running")


@LIVE
def test_a_machine_that_ended_while_the_engine_was_away_is_recorded_with_what_it_said(site: Site) -> None:
    machine_id = running(site, DONE)
    site.host.end()
    site.let_go(machine_id)
    wait_until(site.output(machine_id, "shutdown_message").exists)
    site.host.begin()
    gone = site.daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "200 after all"
    site.daemon.wait_for(event_what="cleared", machine_id=machine_id)
    assert machine_id not in site.states()


def test_machines_that_the_engine_ends_when_it_stops_are_recorded_and_replaced(site: Site) -> None:
    machine_id = running(site)
    site.host.end()
    site.host.begin()
    site.daemon.wait_for(event_what="gone", machine_id=machine_id)
    site.daemon.wait_for(event_what="cleared", machine_id=machine_id)
    replaced = site.daemon.wait_for(event_what="seen_running")
    assert replaced["machine_id"] != machine_id
    assert machine_id not in site.states()


@LIVE
def test_the_daemon_and_the_engine_may_both_die_and_nothing_is_lost(site: Site) -> None:
    machine_id = running(site, DONE)
    site.daemon.signal(signal.SIGKILL)
    site.host.end(signal.SIGKILL)
    site.daemon.start()
    wait_until(lambda: "start the engine" in site.why("lhcb"))
    assert site.daemon.events("gone") == []
    site.host.begin()
    site.let_go(machine_id)
    gone = site.daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "200 after all"


def test_an_engine_that_is_not_there_yet_is_waited_for_with_the_reason(site: Site) -> None:
    site.host.end()
    site.write(site.machinetype("lhcb", UNTIL_TOLD))
    site.daemon.start()
    wait_until(lambda: "start the engine" in site.why("lhcb"))
    doctor = site.daemon.cli("doctor")
    assert "start the engine" in doctor.stdout + doctor.stderr
    site.host.begin()
    site.daemon.wait_for(event_what="seen_running")
