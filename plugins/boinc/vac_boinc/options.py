"""The options of vac-boinc in the [plugin boinc] section; those of machinetypes are in `machine_options`.

Preferences have BOINC's own names here, and win over those in ``prefs_file``.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final

import attrs

from vac_boinc.windows import DAYS, DayWindow, Window
from vac_core.config.read import decimal, host_ports, integer, matching, optional, text, words, yes_no
from vac_core.options import OptionValueError, option

OPTION_SET: Final = "boinc"
_MINUTES: Final = "minutes"
_PERCENT: Final = "per cent"
_SECONDS: Final = "seconds"
IDLE_SOURCES: Final = ("shm", "tty", "logind", "command")
_DAY: Final = re.compile(rf"(?P<day>{'|'.join(DAYS)}):(?P<start>[\d.]+)-(?P<end>[\d.]+)", re.ASCII)

hours = decimal(0.0, 24.0)
percent = decimal(0.0, 100.0)


def day_windows(raw: str) -> tuple[DayWindow, ...]:
    """Windows of single days, such as ``sat:0-24 sun:10-22.5``."""
    return tuple(_day(word) for word in words(raw))


def _day(word: str) -> DayWindow:
    match = _DAY.fullmatch(word.lower())
    if match is None:
        raise OptionValueError(f"'{word}' is no day with its hours", "write DAY:START-END, such as sat:8-22.5")
    return DayWindow(DAYS.index(match["day"]), Window(hours(match["start"]), hours(match["end"])))


def idle_sources(raw: str) -> tuple[str, ...]:
    """Names of `IDLE_SOURCES`."""
    named = words(raw.lower())
    wrong = [one for one in named if one not in IDLE_SOURCES]
    if wrong:
        raise OptionValueError(f"'{wrong[0]}' tells of no input", f"write any of {', '.join(IDLE_SOURCES)}")
    return named


def loopback(raw: str) -> str:
    """HOST:PORT of this host's own: what is told there, and the proof of a password, goes over no network."""
    found = host_ports(raw)
    mend = "write HOST:PORT, such as 127.0.0.1:31416"
    if len(found) != 1:
        raise OptionValueError(f"'{raw}' is not one server with a port", mend)
    host, port = found[0]
    try:
        own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = False
    if not own:
        raise OptionValueError(f"'{host}' is not this host by its loopback address", mend)
    return f"{host}:{port}"


def _preference(doc: str, read: Any, **about: Any) -> Any:
    return option(doc, optional(read), None, **about)


@attrs.frozen(kw_only=True)
class BoincPlugin:
    """The [plugin boinc] section."""

    prefs_file: str | None = option(
        "BOINC's global_prefs_override.xml or global_prefs.xml, with the owner's wishes; read again when it changes.",
        optional(text),
        None,
    )
    venue: str = option("Which venue's preferences are taken from it: home, school, work, or none.", text, "none")
    run_on_batteries: bool | None = _preference("Compute on batteries.", yes_no)
    run_if_user_active: bool | None = _preference("Compute while the computer is in use.", yes_no)
    idle_time_to_run: float | None = _preference(
        "The computer is in use until so long after the last input.", decimal(0.0), unit=_MINUTES
    )
    suspend_if_no_recent_input: float | None = _preference(
        "Suspend when there was no input for so long, so that the host may sleep; 0 for never.",
        decimal(0.0),
        unit=_MINUTES,
    )
    suspend_cpu_usage: float | None = _preference(
        "Suspend when others use more of the processors than this; 0 for never.", percent, unit=_PERCENT
    )
    niu_suspend_cpu_usage: float | None = _preference(
        "The same while the computer is not in use; as suspend_cpu_usage where it is not set.", percent, unit=_PERCENT
    )
    max_ncpus_pct: float | None = _preference("Processors that may be used.", percent, unit=_PERCENT)
    niu_max_ncpus_pct: float | None = _preference("The same while the computer is not in use.", percent, unit=_PERCENT)
    cpu_usage_limit: float | None = _preference(
        "Part of its processors' time that each machine may use.", percent, unit=_PERCENT
    )
    niu_cpu_usage_limit: float | None = _preference(
        "The same while the computer is not in use.", percent, unit=_PERCENT
    )
    start_hour: float | None = _preference("When computing may start, local time.", hours, unit="hours")
    end_hour: float | None = _preference("When it must end.", hours, unit="hours")
    day_prefs: tuple[DayWindow, ...] | None = _preference(
        "Other hours on some days: DAY:START-END each, such as sat:0-24 sun:10-22.5.", day_windows
    )
    ram_max_used_busy_pct: float | None = _preference(
        "Memory that machines may have while the computer is in use.", percent, unit=_PERCENT
    )
    ram_max_used_idle_pct: float | None = _preference(
        "Memory that machines may have while it is not.", percent, unit=_PERCENT
    )
    disk_max_used_gb: float | None = _preference(
        "Disk that machines may take up; 0 for no such limit.", decimal(0.0), unit="GB"
    )
    disk_max_used_pct: float | None = _preference("Part of the disk that they may take up.", percent, unit=_PERCENT)
    disk_min_free_gb: float | None = _preference("Disk that must stay free.", decimal(0.0), unit="GB")
    disk_directories: tuple[str, ...] = option(
        "Directories beside the factory's own in which machines' files take up disk, such as disk_directory of [plugin "
        "libvirt].",
        words,
        (),
    )
    exclusive_app: tuple[str, ...] = option(
        "Programs, by the name of their file: while one of them runs, computing is suspended.", words, ()
    )
    suspend_grace_seconds: float = option(
        "How long others must use the processors before that suspends.", decimal(0.0, 3600.0), 0.0, unit=_SECONDS
    )
    resume_after_seconds: float = option(
        "How long the processors must have been free of others before machines go on.",
        decimal(0.0, 3600.0),
        20.0,
        unit=_SECONDS,
    )
    max_suspend_seconds: float = option(
        "A machine that was suspended for so long is ended.", decimal(0.0), 3600.0, unit=_SECONDS
    )
    idle_sources: tuple[str, ...] = option(
        "Where the time of the last input is found: shm for the shared memory of an idle daemon, tty for terminals, "
        "logind, and command for idle_command. The latest input counts.",
        idle_sources,
        ("shm", "tty"),
    )
    idle_command: tuple[str, ...] = option(
        "A program of the site's, with its arguments, that prints the seconds since the last input.", words, ()
    )
    host_client: str | None = option(
        "Where the BOINC client of the host's owner listens, HOST:PORT on loopback: it rests while machines run.",
        optional(loopback),
        None,
    )
    host_client_password_file: str = option(
        "Its gui_rpc_auth.cfg, which not everybody may read.",
        matching(r"/.+", "an absolute path"),
        "/var/lib/boinc-client/gui_rpc_auth.cfg",
    )
    host_client_seconds: float = option(
        "How often it is told anew to rest; after a crash of the factory it goes on within twice that.",
        decimal(1.0, 3600.0),
        60.0,
        unit=_SECONDS,
    )
    rec_half_life_days: float = option(
        "How long it takes until work that was done counts half in the policy recent-credit.",
        decimal(0.01, 3650.0),
        10.0,
        unit="days",
    )
    fizzle_seconds: int = option(
        "For recent-credit, a machine that said nothing and ended sooner than this has failed.",
        integer(0),
        600,
        unit=_SECONDS,
    )


def plugin_options(found: object) -> BoincPlugin:
    """What the [plugin boinc] section says, or the defaults."""
    return found if isinstance(found, BoincPlugin) else BoincPlugin()
