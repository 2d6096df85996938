"""Reading BOINC's own file of preferences: XML that somebody else wrote, so nothing in it is taken on trust."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import attrs
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from vac_boinc.options import BoincPlugin, hours
from vac_boinc.preferences import Preferences
from vac_boinc.windows import DAYS, DayWindow, Window
from vac_core.options import OptionValueError, options_of

_log = logging.getLogger(__name__)

MOST_OCTETS: Final = 1048576
ROOT: Final = "global_preferences"
_ELSEWHERE: Final = frozenset(
    {
        "source_project", "source_scheduler", "mod_time", "host_specific", "override_file_present", "venue",
        "run_gpu_if_user_active", "max_cpus", "net_start_hour", "net_end_hour", "leave_apps_in_memory",
        "cpu_scheduling_period_minutes", "disk_interval", "vm_max_used_pct", "work_buf_min_days",
        "work_buf_additional_days", "max_bytes_sec_up", "max_bytes_sec_down", "daily_xfer_limit_mb",
        "daily_xfer_period_days", "confirm_before_connecting", "hangup_if_dialed", "dont_verify_images",
        "network_wifi_only", "battery_charge_min_pct", "battery_max_temperature",
    }
)  # fmt: skip
"""Elements that BOINC knows, and that have nothing to say to a host of machines."""


class PrefsFileError(Exception):
    """The file cannot be used. The message says where and what, and the mend."""


def read_prefs(path: Path, venue: str) -> Mapping[str, Any]:
    """The preferences that a file sets, by name; raises `PrefsFileError`."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise PrefsFileError(f"prefs_file {path}: {error.strerror}: put it there, or mend the option") from None
    if len(raw) > MOST_OCTETS:
        raise PrefsFileError(f"prefs_file {path}: it is larger than {MOST_OCTETS} octets: it cannot be BOINC's")
    try:
        return parse(raw, venue)
    except PrefsFileError as error:
        raise PrefsFileError(f"prefs_file {path}: {error}") from None


def parse(raw: bytes, venue: str = "none") -> Mapping[str, Any]:
    """The preferences in a document, by name; raises `PrefsFileError`.

    Elements that nobody knows are warned of and passed over, as are values that cannot be read: the rest still holds.
    """
    try:
        root = fromstring(raw, forbid_dtd=True)
    except DefusedXmlException:
        raise PrefsFileError("it declares entities or a document type: take that out") from None
    except (ParseError, ValueError, LookupError) as error:
        raise PrefsFileError(f"it is not XML: {error}: write it anew with BOINC's manager") from None
    if root.tag != ROOT:
        raise PrefsFileError(f"its outermost element is <{root.tag}>: it must be <{ROOT}>")
    chosen = next((one for one in root.findall("venue") if one.get("name") == venue), root)
    found = dict(_values(chosen))
    days = tuple(_days(chosen))
    return found | ({"day_prefs": days} if days else {})


_IMPLIED: Final = dict.fromkeys(("run_on_batteries", "run_if_user_active"), "1")
"""What an element without content means, where it may have none."""
_NAMES: Final = frozenset(field.name for field in attrs.fields(Preferences)) - {"day_prefs"}


def _values(chosen: Element) -> Iterator[tuple[str, Any]]:
    declared = options_of(BoincPlugin)
    for element in chosen:
        name, text = element.tag, (element.text or "").strip()
        if name in _NAMES:
            value = _value(name, text or _IMPLIED.get(name, "nothing"), declared[name][0].read)
            if value is not None:
                yield name, value
        elif name not in _ELSEWHERE | {"day_prefs"}:
            _log.warning("preferences: <%s> is not known, and left out", name)


def _value(name: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        value = read(text)
    except OptionValueError as error:
        value, why = None, str(error)
    else:
        why = "it is empty"
    if value is None:
        _log.warning("preferences: <%s> is left out: %s", name, why)
    return value


def _days(chosen: Element) -> Iterator[DayWindow]:
    for element in chosen.findall("day_prefs"):
        try:
            day = int(element.findtext("day_of_week", ""))
            window = Window(*(hours(element.findtext(edge, "0").strip()) for edge in ("start_hour", "end_hour")))
        except ValueError as error:
            _log.warning("preferences: <day_prefs> is left out: %s", error)
            continue
        if 0 <= day < len(DAYS):
            yield DayWindow(day, window)
        else:
            _log.warning("preferences: <day_of_week> %s is no day: 0 is Sunday, and 6 Saturday", day)
