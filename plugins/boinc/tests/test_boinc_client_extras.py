"""What a site adds to a client's own files, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.account import KEY, Account
from vac_boinc.client_files import Wishes, client_files
from vac_boinc.extras import cc_options, preferences
from vac_boinc.machine_options import BoincMachine

from vac_core.config.read import shown
from vac_core.options import OptionValueError, options_of
from vac_core.testing import machine

SUGGESTIONS = {
    "disk_max_used_gb",
    "disk_max_used_pct",
    "disk_min_free_gb",
    "vm_max_used_pct",
    "work_buf_additional_days",
    "work_buf_min_days",
}
ACCOUNT = Account("https://boinc.example.org/", KEY, Path("/key"))


def files(**wishes: object) -> dict[str, bytes]:
    return dict(client_files(machine(processors=2), ACCOUNT, "0" * 32, factory="", wishes=Wishes(**wishes)))


def test_they_stand_in_the_client_s_files_beside_what_vac_writes() -> None:
    made = files(cc_options=cc_options("max_file_xfers=2 alt_platform=i686-pc-linux-gnu"))
    told = fromstring(made["cc_config.xml"])
    assert (told.findtext("options/max_file_xfers"), told.findtext("options/ncpus")) == ("2", "2")
    assert told.findtext("options/alt_platform") == "i686-pc-linux-gnu"
    made = files(preferences=preferences("disk_interval=300 work_buf_min_days=0.5"))
    told = fromstring(made["global_prefs_override.xml"])
    assert [told.findtext(name) for name in ("disk_interval", "run_if_user_active")] == ["300", "1"]
    assert [one.text for one in told.findall("work_buf_min_days")] == ["0.5"]


def test_each_machine_is_a_host_of_its_own_only_where_that_is_wanted() -> None:
    assert [
        fromstring(files(several=several)["cc_config.xml"]).findtext("options/allow_multiple_clients")
        for several in (True, False)
    ] == ["1", None]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("ncpus=8", "Vac itself sees to 'ncpus': set min_processors and max_processors instead"),
        ("proxy_info=x", "Vac itself sees to 'proxy_info': set boinc_proxy instead"),
        ("allow_remote_gui_rpc=1", "Vac itself sees to 'allow_remote_gui_rpc': leave it out"),
        ("unsigned_apps_ok=1", "Vac itself sees to 'unsigned_apps_ok': leave it out"),
        ("max_file_xfer=1", "'max_file_xfer' cannot be added here: write any of alt_platform, "),
        ("</options>=1", "'</options>' cannot be added here"),
        ("max_file_xfers", "'max_file_xfers' gives no value: write NAME=VALUE"),
        ("max_file_xfers=", "'' is no value of max_file_xfers: write a number"),
        ("max_file_xfers=-1", "'-1' is no value of max_file_xfers: write a number that is not negative"),
        ("alt_platform=<x/>", "'<x/>' is no value of alt_platform: write letters"),
        ("max_file_xfers=1 max_file_xfers=2", "'max_file_xfers' is there twice: write it once"),
    ],
)
def test_what_cannot_be_added_to_its_options_is_told_with_its_mend(raw: str, why: str) -> None:
    with pytest.raises(OptionValueError) as refused:
        cc_options(raw)
    assert str(refused.value).startswith(why)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("suspend_cpu_usage=25", "Vac itself sees to 'suspend_cpu_usage': leave it out"),
        ("max_ncpus_pct=50", "Vac itself sees to 'max_ncpus_pct': leave it out"),
        ("ram_max_used_busy_pct=50", "Vac itself sees to 'ram_max_used_busy_pct': leave it out"),
        ("disk_interval=often", "'often' is no value of disk_interval: write a number"),
        ("max_file_xfers=1", "'max_file_xfers' cannot be added here: write any of confirm_before_connecting, "),
    ],
)
def test_preferences_that_would_stall_a_machine_cannot_be_added(raw: str, why: str) -> None:
    with pytest.raises(OptionValueError) as refused:
        preferences(raw)
    assert str(refused.value).startswith(why)


@given(st.text())
def test_any_text_is_read_or_refused_with_its_mend(raw: str) -> None:
    for read in (cc_options, preferences):
        with suppress(OptionValueError):
            assert read(shown(read(raw))) == read(raw)


def test_of_what_vac_writes_only_suggestions_can_be_written_otherwise() -> None:
    made = files(benchmarks=False, several=True, proxy="squid.example.org:3128")
    options = fromstring(made["cc_config.xml"]).findall("options/*")
    accepted = {one.tag for one in options if accepts(cc_options, one.tag)}
    accepted |= {one.tag for one in fromstring(made["global_prefs_override.xml"]) if accepts(preferences, one.tag)}
    assert accepted == SUGGESTIONS


def accepts(read: Callable[[str], object], name: str) -> bool:
    try:
        read(f"{name}=1")
    except OptionValueError:
        return False
    return True


def test_how_long_a_task_may_take_is_unlimited_unless_it_is_said() -> None:
    option, default = options_of(BoincMachine)["boinc_task_seconds"]
    assert default == 0
    assert option.read("3600") == 3600
    with pytest.raises(OptionValueError, match="-1"):
        option.read("-1")


@pytest.mark.parametrize("login", ["two words", "<vac>", "a&b", "x" * 200])
def test_a_login_that_no_client_could_send_is_refused(login: str) -> None:
    option, _ = options_of(BoincMachine)["boinc_account_manager_login"]
    with pytest.raises(OptionValueError, match="a login, in one word"):
        option.read(login)


def test_whether_there_are_several_hosts_is_a_plain_yes_or_no() -> None:
    option, default = options_of(BoincMachine)["boinc_allow_multiple_clients"]
    assert (default, option.read("yes")) == (False, True)
    with pytest.raises(OptionValueError, match="maybe"):
        option.read("maybe")
