"""Sections of which there is one each: [settings], and [plugin NAME] of each plugin."""

from __future__ import annotations

from typing import Any

from vac_core.config.checking import checked
from vac_core.config.problems import Problem
from vac_core.config.reading import Reading
from vac_core.config.schema import Settings
from vac_core.config.sections import Heading, Section
from vac_core.options import options_of


def settings(reading: Reading, any_file: bool) -> tuple[Settings | None, list[Problem]]:
    """The [settings] section, or None where it cannot be used."""
    if not any_file:
        mend = "write /etc/vac.conf with a section [settings] that sets vac_space"
        return None, [Problem(section="settings", what="no site file was found", mend=mend)]
    section = reading.merged.get(("settings", ""), Section(heading=Heading(text="settings", file="")))
    known = reading.understood(section)
    found = checked(Settings, known.settings, section.heading)
    problems = [*known.problems, *found.problems]
    own: Settings | None = found.value
    if own is not None and own.vacquery_auth == "require" and own.vacquery_key_file is None:
        place = known.settings["vacquery_auth"]
        problems.append(place.problem("there is no key to check signatures with", "set vacquery_key_file"))
    return own, problems


def plugin_options(reading: Reading) -> tuple[dict[str, Any], list[Problem]]:
    """One value of each plugin's schema; a plugin that must be configured and has no section gets none."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, declared in reading.plugins.items():
        section = reading.merged.get(("plugin", name))
        if section is None and any(option.required for option, _ in options_of(declared.schema).values()):
            continue
        section = section or Section(heading=Heading(text=f"plugin {name}", file=""))
        known = reading.understood(section)
        found = checked(declared.schema, known.settings, section.heading)
        problems += [*known.problems, *found.problems]
        if found.value is not None:
            values[name] = found.value
    return values, problems
