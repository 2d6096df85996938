"""What BOINC applications ask of their machines: vbox_job.xml, job.toml, the floppy, init_data.xml."""

from __future__ import annotations

from contextlib import suppress
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc import floppy, job_toml, vbox_job
from vac_boinc.application import passed_over
from vac_boinc.init_data import init_data
from vac_boinc.vbox_job import Forward, JobError, VboxJob

from vac_core.testing import machine

THEORY = b"""<vbox_job>
  <os_name>Linux26_64</os_name>
  <memory_size_mb>1024.0</memory_size_mb>
  <enable_network/>
  <enable_remotedesktop/>
  <enable_shared_directory/>
  <copy_to_shared>init_data.xml</copy_to_shared>
  <copy_to_shared>input</copy_to_shared>
  <completion_trigger_file>shutdown</completion_trigger_file>
  <heartbeat_filename>heartbeat</heartbeat_filename>
  <minimum_heartbeat_interval>1800</minimum_heartbeat_interval>
  <pf_guest_port>80</pf_guest_port><pf_host_port>7859</pf_host_port>
  <enable_vm_savestate_usage/>
</vbox_job>"""
UCERNVM = b"""<vbox_job><memory_size_mb>512</memory_size_mb><enable_network/><enable_floppyio/><enable_cache_disk/>
<enable_isocontextualization/><enable_cern_dataformat/><job_duration>21600</job_duration></vbox_job>"""


def test_a_job_with_a_shared_directory_is_read() -> None:
    job = vbox_job.parse(THEORY)
    assert job.copy_to_shared == ("init_data.xml", "input")
    assert (job.memory_size_mb, job.completion_trigger_file, job.heartbeat_filename) == (1024, "shutdown", "heartbeat")
    assert job.minimum_heartbeat_interval == 1800
    assert job.enable_network
    assert job.ports == (Forward(guest_port=80, host_port=7859),)


def test_a_job_of_cernvm_s_time_is_read() -> None:
    job = vbox_job.parse(UCERNVM)
    assert (job.job_duration, job.enable_floppyio, job.enable_cern_dataformat) == (21600, True, True)
    assert job.ports == ()


def test_ports_that_others_may_use_are_told_apart() -> None:
    raw = b"<vbox_job><port_forward><guest_port>80</guest_port><is_remote/><nports>2</nports></port_forward></vbox_job>"
    assert vbox_job.parse(raw).ports == (Forward(guest_port=80, is_remote=True, nports=2),)


def test_what_nobody_knows_is_told_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    assert vbox_job.parse(b"<vbox_job><enable_teleport/></vbox_job>") == VboxJob()
    assert "enable_teleport" in caplog.text


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"<vbox_job>", "not XML"),
        (b"<job/>", "must be <vbox_job>"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><vbox_job>&a;</vbox_job>', "entities"),
        (b"<vbox_job>" + b" " * vbox_job.MOST_OCTETS + b"</vbox_job>", "larger than"),
        (b"<vbox_job><job_duration>soon</job_duration></vbox_job>", "job_duration"),
        (b"<vbox_job><job_duration>nan</job_duration></vbox_job>", "job_duration"),
        (b"<vbox_job><heartbeat_filename>../../etc/passwd</heartbeat_filename></vbox_job>", "no name of a file"),
        (b"<vbox_job><pf_guest_port>70000</pf_guest_port></vbox_job>", "no port"),
        (b"<vbox_job><share_slot_dir/><enable_shared_directory/></vbox_job>", "share_slot_dir with"),
        (b"<vbox_job><copy_to_shared>input</copy_to_shared></vbox_job>", "copy_to_shared without"),
        (b"<vbox_job><share_project_dir/><enable_scratch_directory/></vbox_job>", "share_project_dir with"),
    ],
)
def test_a_job_that_cannot_be_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(JobError, match=why):
        vbox_job.parse(raw)


@given(st.binary(max_size=300))
def test_any_octets_are_a_job_or_refused(raw: bytes) -> None:
    for parse in (vbox_job.parse, job_toml.parse):
        with suppress(JobError):
            parse(raw)


def test_a_container_s_job_is_read() -> None:
    raw = b'workdir="/boinc_slot_dir"\nweb_graphics_guest_port=80\ncreate_args="-v /cvmfs:/cvmfs:shared"\n'
    assert job_toml.parse(raw).workdir == "/boinc_slot_dir"
    assert job_toml.parse(b"").workdir == "/app"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"workdir=", "not TOML"),
        (b"workdir=1", "is no str"),
        (b'workdir="app"', "no absolute path"),
        (b'workdir="/app/../etc"', "no absolute path"),
        (b"use_gpu=true", "use_gpu"),
        (b"\xff", "not TOML"),
    ],
)
def test_a_container_s_job_that_cannot_be_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(JobError, match=why):
        job_toml.parse(raw)


def test_a_floppy_has_its_texts_and_flags_where_guests_look() -> None:
    made = floppy.image(b"BOINC_USERNAME=vac\n")
    assert len(made) == 28672
    assert made[14335 : 14335 + 19] == b"BOINC_USERNAME=vac\n"
    assert (made[28670], made[28671]) == (1, 0)
    assert made[:14335].strip(b"\0") == b""
    assert floppy.said(made) is None


@given(st.binary(max_size=floppy.TEXT_SIZE - 1).filter(lambda text: b"\0" not in text))
def test_what_a_guest_says_is_read_and_never_what_it_was_told(text: bytes) -> None:
    made = bytearray(floppy.image(b"told"))
    made[: len(text)] = text
    made[floppy.FOR_HOST] = 1
    assert floppy.said(bytes(made)) == text
    assert floppy.said(bytes(made[:-1])) is None


@pytest.mark.parametrize("told", [b"x" * floppy.TEXT_SIZE, b"one\0two"])
def test_what_a_floppy_cannot_hold_is_refused(told: bytes) -> None:
    with pytest.raises(floppy.FloppyError):
        floppy.image(told)


def test_values_of_cern_s_format_stay_in_their_lines() -> None:
    assert floppy.cern_lines({"BOINC_USERNAME": "a\nBOINC_USERID=1"}) == b"BOINC_USERNAME=a BOINC_USERID=1\n"


def test_an_application_is_told_of_its_machine() -> None:
    told = fromstring(init_data(machine(slot=2, processors=3, memory_bytes=10**9), disk_bytes=5, directory="/shared"))
    assert told.tag == "app_init_data"
    assert (told.findtext("slot"), told.findtext("ncpus"), told.findtext("rsc_disk_bound")) == ("2", "3", "5")
    assert told.findtext("host_info/m_nbytes") == "1000000000"
    assert (told.findtext("project_dir"), told.findtext("boinc_dir")) == ("/shared", "/shared")
    assert told.find("proxy_info") is None


def test_an_application_finds_its_proxy_as_lhc_s_guests_look_for_it() -> None:
    """They look for lines with grep, and know the elements as BOINC's client writes them."""
    made = init_data(machine(name="a /> b"), disk_bytes=5, directory="/shared", proxy="squid.example.org:3128")
    lines = [line.strip() for line in made.splitlines()]
    for wanted in (
        b"<use_http_proxy/>",
        b"<http_server_name>squid.example.org</http_server_name>",
        b"<http_server_port>3128</http_server_port>",
    ):
        assert lines.count(wanted) == 1
    assert fromstring(made).findtext("host_info/domain_name") == "a /> b"


def test_what_nobody_does_for_an_application_here_is_told_with_the_reason() -> None:
    raw = b"""<vbox_job><enable_vm_savestate_usage/><trickle_trigger_file>t</trickle_trigger_file><boot_iso>0</boot_iso>
    <port_forward><guest_port>80</guest_port></port_forward><heartbeat_filename>beat</heartbeat_filename></vbox_job>"""
    told = list(passed_over(vbox_job.parse(raw)))
    names = [
        "enable_vm_savestate_usage",
        "port_forward",
        "trickle_trigger_file",
        "enable_network",
        "heartbeat_filename",
    ]
    assert [line[1:].partition(">")[0] for line in told] == names
    assert list(passed_over(vbox_job.parse(b"<vbox_job><enable_network/></vbox_job>"))) == []
