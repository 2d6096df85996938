"""The options of vac-boinc: the [plugin boinc] section, and those of machinetypes.

Preferences have BOINC's own names here, and win over those in ``prefs_file``.
"""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from vac_boinc.account import project_url
from vac_boinc.windows import DAYS, DayWindow, Window
from vac_core.config.read import choice, decimal, integer, matching, no_parent, optional, text, words, yes_no
from vac_core.config.schema import MachineType
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


def file_names(raw: str) -> tuple[str, ...]:
    """Names of files of one directory."""
    return tuple(_file_name(word) for word in words(raw))


_file_name = matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "names of files without directories")


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


@attrs.frozen(kw_only=True)
class BoincMachine:
    """How machines take it when the host's owner wants the host, and what those of ``boinc-client`` work for.

    What a site's account key is sent to stands in the site's own files only.
    """

    on_busy: str = option(
        "What becomes of its machines when the owner wants the host: suspend holds them still, evict ends them.",
        choice("suspend", "evict"),
        "evict",
        pipe=True,
    )
    resource_share: float | None = option(
        "Its part of the host by the policy recent-credit; its target_share where it is not set. With 0 it is started "
        "when no other can be.",
        optional(decimal(0.0)),
        None,
    )
    boinc_project_url: str | None = option(
        "The project that the BOINC client works for: its URL as its web page gives it.", optional(project_url), None
    )
    boinc_account_key_file: str | None = option(
        "File with the account key at that project, readable by the factory alone: best a weak key, which can do "
        "nothing but attach hosts.",
        optional(matching(r"/.+", "an absolute path")),
        None,
    )
    boinc_mode: str = option(
        "one-shot: one task for each processor, and the machine ends. drain: tasks as long as there are any, until the "
        "machine's end comes near.",
        choice("one-shot", "drain"),
        "one-shot",
        pipe=True,
    )
    boinc_drain_seconds: int = option(
        "With drain, how long before its end a machine fetches no more tasks.",
        integer(0),
        7200,
        unit=_SECONDS,
        pipe=True,
    )
    boinc_contact_seconds: int = option(
        "How long the project may take to answer a new machine before it gives up.",
        integer(10),
        900,
        unit=_SECONDS,
        pipe=True,
    )
    boinc_proxy: str | None = option(
        "The HTTP proxy by which the client reaches the project.",
        optional(matching(r"[A-Za-z0-9.-]+:[0-9]{1,5}", "HOST:PORT, such as squid.example.org:3128")),
        None,
    )
    boinc_benchmarks: bool = option(
        "Whether each client measures its processors first; a project that hears no figures guesses them.",
        yes_no,
        True,
        pipe=True,
    )
    boinc_app_job: str | None = option(
        "The vbox_job.xml or job.toml of a BOINC application, beside the files that it names: a file of the "
        "machinetype's, or an absolute path.",
        optional(no_parent),
        None,
    )
    boinc_app_command: tuple[str, ...] = option(
        "The program in the machine that does the application's work, with its arguments.", words, (), pipe=True
    )
    boinc_app_outputs: tuple[str, ...] = option(
        "Names of files that it leaves in its shared directory, which are kept with the machine's outputs.",
        file_names,
        (),
        pipe=True,
    )


def plugin_options(found: object) -> BoincPlugin:
    """What the [plugin boinc] section says, or the defaults."""
    return found if isinstance(found, BoincPlugin) else BoincPlugin()


def machine_options(machinetype: MachineType) -> BoincMachine:
    """What a machinetype says, or the defaults."""
    found = machinetype.plugin_options.get(OPTION_SET)
    return found if isinstance(found, BoincMachine) else BoincMachine()
