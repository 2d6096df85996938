"""How machines' ends are seen: by libvirt's event, which may come a little later than the domain is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
from libvirt_guests import OWNER, guest, new_id
from vac_libvirt.connection import Connection
from vac_libvirt.domains import Domains
from vac_libvirt.ends import UNSEEN
from vac_libvirt.record import Records
from vac_libvirt.watching import Watching

from vac_core.interfaces import Observed

URI = "test:///default"


class Watched:
    """One machine of libvirt's test driver whose events come when the test says."""

    def __init__(self, directory: Path, connection: Connection) -> None:
        self.now = 1000.0
        self.connection = connection
        self.watching = Watching(Records(directory), OWNER, lambda: self.now)
        self.machine_id = new_id()
        record = Records(directory).of(self.machine_id)
        assert record is not None
        record.begin()
        self.domains = Domains(connection, OWNER)
        self.domains.start(guest(machine_id=self.machine_id))
        record.note_started()

    def look(self) -> Observed:
        [seen] = self.watching.look(self.connection, ())
        return seen

    def end(self) -> None:
        self.domains.end(self.machine_id)

    def event(self) -> None:
        self.watching.lifecycle(
            self.machine_id, libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED
        )


@pytest.fixture
def one(driver: Any, tmp_path: Path) -> Iterator[Watched]:
    connection = Connection(URI, lifecycle=lambda uuid, event, detail: None)
    connection.start(60.0)
    yield Watched(tmp_path, connection)
    connection.close()


def test_a_machine_whose_event_is_on_its_way_is_not_taken_for_one_that_nobody_saw_end(one: Watched) -> None:
    assert one.look().running
    one.end()
    assert one.look().running
    one.event()
    seen = one.look()
    assert (seen.ended, seen.note) == (True, "its operating system crashed")


def test_an_event_that_never_comes_is_not_waited_for_long(one: Watched) -> None:
    assert one.look().running
    one.end()
    assert one.look().running
    one.now += 10.0
    seen = one.look()
    assert (seen.ended, seen.note) == (True, UNSEEN)


def test_after_a_time_without_events_none_is_waited_for(one: Watched) -> None:
    assert one.look().running
    one.end()
    one.watching.all_may_have_changed()
    seen = one.look()
    assert (seen.ended, seen.note) == (True, UNSEEN)
