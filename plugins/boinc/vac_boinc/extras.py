"""What a site adds to a client's ``cc_config.xml`` and preferences, apart from what Vac sees to itself.

Names are those of https://github.com/BOINC/boinc/wiki/Client-configuration and .../PreferencesXml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from vac_core.config.read import words
from vac_core.options import OptionValueError

NONE: Final[Mapping[str, str]] = MappingProxyType({})
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


@attrs.frozen
class Extras:
    """The names that may be added to one file."""

    numbers: frozenset[str]
    words: frozenset[str]
    ours: Mapping[str, str]
    """Names that Vac sees to, with the option that says it; empty where there is none."""

    def read(self, raw: str) -> Mapping[str, str]:
        """Read words of the form NAME=VALUE. Raises `OptionValueError`."""
        found: dict[str, str] = {}
        for word in words(raw):
            name, is_there, value = word.partition("=")
            if not is_there:
                raise OptionValueError(f"'{word}' gives no value", "write NAME=VALUE")
            self._check_name(name)
            self._check_value(name, value)
            if name in found:
                raise OptionValueError(f"'{name}' is there twice", "write it once")
            found[name] = value
        return MappingProxyType(found)

    def _check_name(self, name: str) -> None:
        if name in self.ours:
            mend = f"set {self.ours[name]} instead" if self.ours[name] else "leave it out"
            raise OptionValueError(f"Vac itself sees to '{name}'", mend)
        known = self.numbers | self.words
        if name not in known:
            raise OptionValueError(f"'{name}' cannot be added here", f"write any of {', '.join(sorted(known))}")

    def _check_value(self, name: str, value: str) -> None:
        if name in self.numbers and _NUMBER.fullmatch(value) is None:
            raise OptionValueError(f"'{value}' is no value of {name}", "write a number that is not negative")
        if name in self.words and _WORD.fullmatch(value) is None:
            raise OptionValueError(f"'{value}' is no value of {name}", "write letters, digits, dots, - and _")


_CC_OPTIONS: Final = Extras(
    numbers=frozenset(
        words(
            "fetch_on_update http_1_0 http_transfer_timeout http_transfer_timeout_bps lower_client_priority "
            "max_file_xfers max_file_xfers_per_project max_overdue_days max_stderr_file_size "
            "max_stdout_file_size max_tasks_reported no_alt_platform no_priority_change os_random_only "
            "process_priority process_priority_special report_results_immediately save_stats_days start_delay "
            "stderr_head suppress_net_info use_certs use_certs_only"
        )
    ),
    words=frozenset({"alt_platform", "device_name", "force_auth"}),
    ours={
        "abort_jobs_on_exit": "",
        "allow_multiple_clients": "boinc_allow_multiple_clients",
        "allow_remote_gui_rpc": "",
        "data_dir": "",
        "dont_contact_ref_site": "",
        "exit_when_idle": "",
        "fetch_minimal_work": "boinc_mode",
        "ncpus": "min_processors and max_processors",
        "no_gpus": "",
        "no_info_fetch": "",
        "proxy_info": "boinc_proxy",
        "skip_cpu_benchmarks": "boinc_benchmarks",
        "unsigned_apps_ok": "",
    },
)
_PREFERENCES: Final = Extras(
    numbers=frozenset(
        words(
            "confirm_before_connecting cpu_scheduling_period_minutes daily_xfer_limit_mb daily_xfer_period_days "
            "disk_interval disk_max_used_gb disk_max_used_pct disk_min_free_gb dont_verify_images "
            "max_bytes_sec_down max_bytes_sec_up net_end_hour net_start_hour vm_max_used_pct "
            "work_buf_additional_days work_buf_min_days"
        )
    ),
    words=frozenset(),
    ours=dict.fromkeys(
        words(
            "cpu_usage_limit end_hour idle_time_to_run leave_apps_in_memory max_cpus max_ncpus_pct "
            "niu_cpu_usage_limit niu_max_ncpus_pct niu_suspend_cpu_usage ram_max_used_busy_pct "
            "ram_max_used_idle_pct run_if_user_active run_on_batteries start_hour suspend_cpu_usage "
            "suspend_if_no_recent_input"
        ),
        "",
    ),
)
cc_options: Final[Callable[[str], Mapping[str, str]]] = _CC_OPTIONS.read
preferences: Final[Callable[[str], Mapping[str, str]]] = _PREFERENCES.read
