"""Domains of libvirt's test driver: ours are started, held and ended; another's are left alone, whatever its name."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import attrs
import libvirt
import pytest
from libvirt_guests import OWNER, guest, mark, new_id
from vac_libvirt.connection import Connection
from vac_libvirt.domain import domain_xml
from vac_libvirt.domains import Domains
from vac_libvirt.errors import RefusedError, UnreachableError
from vac_libvirt.mark import Marks, mark_of, read_mark
from vac_libvirt.record import Records
from vac_libvirt.stats import all_figures
from vac_libvirt.trial import clear_left
from vac_libvirt.watching import Watching

from vac_core.interfaces import Observed, PluginError

URI = "test:///default"
NOW = 1_700_000_000.0


@pytest.fixture
def connection(driver: Any) -> Iterator[Connection]:
    one = Connection(URI, lifecycle=lambda uuid, event, detail: None)
    one.start(60.0)
    yield one
    one.close()


@pytest.fixture
def domains(connection: Connection) -> Domains:
    return Domains(connection, OWNER)


@pytest.fixture
def foreign(driver: Any) -> Callable[..., Any]:
    """Makes a domain that is not ours."""

    def make(machine_id: str, **changes: Any) -> Any:
        return driver.createXML(domain_xml(guest(machine_id=machine_id, **changes)))

    return make


def state(domain: Any) -> int:
    return int(domain.state()[0])


def test_a_name_that_is_taken_is_refused_and_its_domain_left_alone(domains: Domains, foreign: Any) -> None:
    other = foreign(new_id(), mark=mark(factory="wn02.example.org"))
    with pytest.raises(PluginError, match="not of this factory: it is left alone"):
        domains.start(guest(machine_id=new_id()))
    assert state(other) == libvirt.VIR_DOMAIN_RUNNING


def test_a_domain_that_a_person_made_by_that_name_is_refused_and_left_alone(domains: Domains, driver: Any) -> None:
    xml = "<domain type='test'><name>wn01-00.example.org</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    other = driver.createXML(xml)
    assert mark_of(other) is None
    with pytest.raises(PluginError, match=other.UUIDString()):
        domains.start(guest(machine_id=new_id()))
    assert state(other) == libvirt.VIR_DOMAIN_RUNNING


@pytest.mark.parametrize("changes", [{"factory": "wn02.example.org"}, {"space": "vac02.example.org"}])
def test_another_factorys_machine_is_never_touched(domains: Domains, foreign: Any, changes: dict[str, str]) -> None:
    machine_id = new_id()
    other = foreign(machine_id, mark=mark(machine_id, **changes))
    domains.shut_down(machine_id)
    domains.hold(machine_id, held=True)
    domains.end(machine_id)
    assert state(other) == libvirt.VIR_DOMAIN_RUNNING


def test_what_is_ours_is_held_let_go_and_ended(domains: Domains, driver: Any) -> None:
    one = guest(machine_id=new_id())
    domains.start(one)
    found = driver.lookupByUUIDString(one.machine_id)
    for held, seen in ((True, libvirt.VIR_DOMAIN_PAUSED), (False, libvirt.VIR_DOMAIN_RUNNING)):
        for _ in range(2):
            domains.hold(one.machine_id, held=held)
            assert state(found) == seen
    domains.end(one.machine_id)
    domains.end(one.machine_id)
    assert not any(left.UUIDString() == one.machine_id for left in driver.listAllDomains())


def test_what_libvirt_refuses_is_told_with_the_machine_and_a_mend(domains: Domains) -> None:
    one = guest(machine_id=new_id(), name="a/b")
    with pytest.raises(RefusedError, match=f"machine {one.machine_id} cannot be started: libvirt says: .*: look in"):
        domains.start(one)


def test_marks_are_asked_for_once_in_a_domains_life(domains: Domains, driver: Any, foreign: Any) -> None:
    ours, other = guest(machine_id=new_id()), new_id()
    domains.start(ours)
    foreign(other, name="other", mark=mark(other, space="vac02.example.org"))
    marks = Marks()
    found = [domain for domain, _ in all_figures(driver)]
    first = marks.of_all(found)
    assert {ours.machine_id: ours.mark, other: mark(other, space="vac02.example.org")} == first
    asked: list[str] = []
    assert marks.of_all([_Asked(one, asked) for one in found]) == first
    assert asked == []
    domains.end(ours.machine_id)
    assert ours.machine_id not in marks.of_all([one for one in found if one.UUIDString() != ours.machine_id])


class _Asked:
    """A domain that notes whether its metadata is asked for."""

    def __init__(self, domain: Any, asked: list[str]) -> None:
        self._domain, self._asked = domain, asked

    def metadata(self, *args: Any) -> str:
        self._asked.append(self._domain.name())
        return str(self._domain.metadata(*args))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._domain, name)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "<machine/>",
        "<machine space='s' factory='f'/>",
        "<probe space='s'/>",
        "<x space='s' factory='f' id='1'/>",
        "<",
    ],
)
def test_what_is_no_mark_is_none(raw: str) -> None:
    assert read_mark(raw) is None


def test_while_there_is_no_libvirt_each_call_fails_at_once_and_says_what_to_do() -> None:
    one = Connection("qemu+unix:///system?socket=/nonexistent/socket", lifecycle=lambda uuid, event, detail: None)
    one.start(60.0)
    try:
        assert "start libvirtd" in one.trouble
        with pytest.raises(UnreachableError, match=r"no connection to libvirt: .*: start libvirtd"):
            Domains(one, OWNER).end(new_id())
    finally:
        one.close()


def test_a_connection_that_is_closed_leaves_no_thread(driver: Any) -> None:
    before = set(threading.enumerate())
    one = Connection(URI, lifecycle=lambda uuid, event, detail: None)
    one.start(60.0)
    one.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(UnreachableError):
        Domains(one, OWNER).end(new_id())


def test_events_are_told_with_the_machines_id_and_a_listener_that_fails_loses_no_later_one(driver: Any) -> None:
    told: list[tuple[str, int]] = []
    stopped = threading.Event()

    def lifecycle(uuid: str, event: int, detail: int) -> None:
        told.append((uuid, event))
        if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            stopped.set()
        raise RuntimeError("a listener that fails")

    one = Connection(URI, lifecycle=lifecycle)
    one.start(60.0)
    try:
        made = guest(machine_id=new_id())
        domains = Domains(one, OWNER)
        domains.start(made)
        domains.end(made.machine_id)
        assert stopped.wait(60.0)
        assert told == [
            (made.machine_id, libvirt.VIR_DOMAIN_EVENT_STARTED),
            (made.machine_id, libvirt.VIR_DOMAIN_EVENT_STOPPED),
        ]
    finally:
        one.close()


def test_a_machine_whose_creation_ends_during_a_look_is_not_taken_for_an_ended_one(driver: Any, tmp_path: Path) -> None:
    """It has its record, no domain yet when libvirt is asked, and is no longer being made when that is compared."""
    records = Records(tmp_path)
    record = records.of(new_id())
    assert record is not None
    record.begin()
    under_way = {record.machine_id}

    class FinishesMeanwhile:
        @contextmanager
        def use(self, what: str) -> Iterator[Any]:
            yield driver
            under_way.clear()

    seen = Watching(records, OWNER).look(cast("Connection", FinishesMeanwhile()), under_way)
    assert seen == [Observed(machine_id=record.machine_id, running=False)]


def test_a_trial_that_was_cut_off_is_cleared_and_one_that_is_under_way_left_alone(
    driver: Any, foreign: Any, tmp_path: Path
) -> None:
    trials = {name: new_id() for name in ("cut-off", "under-way", "another-factorys")}
    for name, machine_id in trials.items():
        (tmp_path / f"trial-{machine_id}").mkdir()
        owner = attrs.evolve(OWNER, factory="wn02.example.org") if name == "another-factorys" else OWNER
        foreign(machine_id, name=name, mark=owner)
        os.utime(tmp_path / f"trial-{machine_id}", (NOW, NOW + 60 * (name == "under-way")))
    clear_left(driver, OWNER, tmp_path, NOW + 30)
    left = {domain.name() for domain in driver.listAllDomains()}
    assert left >= {"under-way", "another-factorys"}
    assert "cut-off" not in left
    assert not (tmp_path / f"trial-{trials['cut-off']}").exists()
    assert (tmp_path / f"trial-{trials['under-way']}").exists()


def test_what_cannot_be_done_to_a_domain_that_runs_is_an_error_and_to_one_that_has_ended_none(
    domains: Domains, driver: Any
) -> None:
    """libvirt has the same error for both."""

    def refused(domain: Any) -> None:
        made = libvirt.libvirtError("no")
        made.err = (libvirt.VIR_ERR_OPERATION_INVALID, 10, "not now", 2, None, None, None, -1, -1)
        raise made

    def ended(domain: Any) -> None:
        domain.destroy()
        refused(domain)

    one = guest(machine_id=new_id())
    domains.start(one)
    with pytest.raises(RefusedError, match="cannot be tried: libvirt says: not now"):
        domains._do(one.machine_id, refused, "cannot be tried")
    domains._do(one.machine_id, ended, "cannot be tried")
    domains._do(one.machine_id, ended, "cannot be tried")
