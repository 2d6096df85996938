"""Where in the site files stands what a plugin finds wrong with a machinetype: a plugin sees values, not lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vac_core.config.problems import Problem, Severity
from vac_core.config.schema import MachineType
from vac_core.config.sections import Heading, merged
from vac_core.config.sources import expand, read_site_file


def placed(said: str, machinetype: MachineType, sources: Sequence[Path], severity: Severity) -> Problem:
    """The problem, at the option whose name and colon its text begins with if that is set, else at the heading."""
    sections = merged(read_site_file(path) for path in expand(sources))
    keys = (("machinetype", machinetype.name), ("vacuum_pipe", machinetype.pipe or ""))
    found = [sections[key] for key in keys if key in sections]
    option, _, what = said.partition(": ")
    for section in found:
        if option in section.settings:
            return section.settings[option].problem(what, severity=severity)
    heading = found[0].heading if found else Heading(text=f"machinetype {machinetype.name}", file="")
    return heading.problem(said, severity=severity)
