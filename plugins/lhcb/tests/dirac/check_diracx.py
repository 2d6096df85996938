"""Pilots that nobody sent, in a real DiracX. ``make test-dirac`` runs it."""

from __future__ import annotations

import time

import attrs
import pytest
from diracx_server import DEADLINE, DiracxServer
from vac_lhcb.diracx import DiracxObserver
from vac_lhcb.diracx_access import LhcbPlugin
from vac_lhcb.diracx_http import ask
from vac_lhcb.site_status import DEADLINE_SECONDS, MOST_BYTES, banned

from vac_core.model import Event, EventKind, Outcome
from vac_core.testing import home, machine

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with DiracxServer(tmp_path_factory.mktemp("diracx")) as running:
        yield running


def test_a_pilot_is_registered_and_its_outcome_found_by_a_user(server, tmp_path):
    token = tmp_path / "token"
    token.write_text(server.token("pilot", "lhcb_pilot"))
    observer = DiracxObserver()
    observer.start(home(tmp_path, options=LhcbPlugin(diracx_url=server.url, diracx_token_file=str(token))))
    reference = "vm://vac01.example.org/vac01.example.org:1:lhcb"
    details = {"dirac_pilot": reference, "dirac_vo": "lhcb", "dirac_site": "VAC.Example.uk"}
    one = machine(details=details, outcome=Outcome(300, "Nothing to do"))
    created = Event(seq=1, time=0.0, kind=EventKind.MACHINE, what="created", machine=one)
    observer.observe(created)
    observer.observe(created)  # an observer may be told again
    observer.observe(attrs.evolve(created, what="gone"))

    stamp = one.id.replace("-", "")
    search = {"search": [{"parameter": "PilotStamp", "operator": "eq", "value": stamp}]}
    [found] = server.ask("POST", "/api/pilots/search", f"Bearer {server.token('jo', 'user')}", search)
    assert found["PilotJobReference"] == reference
    assert (found["Status"], found["StatusReason"]) == ("Done", "300 Nothing to do")
    assert (found["GridType"], found["GridSite"]) == ("VAC", "VAC.Example.uk")


def test_a_site_that_it_has_banned_is_found_so(server, tmp_path):
    """By the question of the option ``dirac_site_status``, for which a pilot's token suffices."""
    token = tmp_path / "token"
    token.write_text(server.token("pilot", "lhcb_pilot"))
    plugin = LhcbPlugin(diracx_url=server.url, diracx_token_file=str(token))
    server.ban("VAC.Example.uk", "too many failures")
    deadline = time.monotonic() + DEADLINE
    while (found := banned(asked(server, plugin))) == {}:  # it looks into its database now and then
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.5)
    assert found == {"VAC.Example.uk": "too many failures"}


def asked(server, plugin):
    server.ask("GET", "/api/rss/site", f"Bearer {server.token('pilot', 'lhcb_pilot')}")  # until it is ready
    return ask(plugin, f"{server.url}/api/rss/site", DEADLINE_SECONDS, MOST_BYTES)
