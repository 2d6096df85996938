"""Candidates become machinetypes, or stand disabled with the reason: one that is wrong disables itself alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from vac_core.config.candidates import Candidate
from vac_core.config.checking import checked
from vac_core.config.problems import Problem, Severity
from vac_core.config.schema import MachineType
from vac_core.config.sections import Heading, Setting
from vac_core.config.site_pipes import NAME
from vac_core.config.vocabulary import DeclaredOptions
from vac_core.options import options_of


@attrs.frozen(kw_only=True)
class Built:
    """The machinetypes that can be used, those that cannot, and what is wrong."""

    machinetypes: Mapping[str, MachineType]
    disabled: Mapping[str, str]
    problems: tuple[Problem, ...]


def built(
    candidates: Mapping[str, Candidate], option_sets: Sequence[DeclaredOptions], files: Path, known: Iterable[Problem]
) -> Built:
    """Check all candidates. ``known`` are problems found before, some of which may disable a machinetype too."""
    machinetypes: dict[str, MachineType] = {}
    disabled: dict[str, str] = {}
    problems: dict[Problem, None] = {}
    before = tuple(known)
    for name, candidate in candidates.items():
        machinetype, found = _build(name, candidate, option_sets, files)
        problems.update(dict.fromkeys(found))
        reasons = [str(one) for one in dict.fromkeys((*before, *found)) if one.is_error and _concerns(one, candidate)]
        if machinetype is None or reasons or candidate.waits:
            disabled[name] = "; ".join(reasons) or candidate.waits
        else:
            machinetypes[name] = machinetype
    return Built(machinetypes=machinetypes, disabled=disabled, problems=tuple(problems))


def _concerns(problem: Problem, candidate: Candidate) -> bool:
    key = Heading(text=problem.section, file="").key
    return key in {candidate.heading.key, ("vacuum_pipe", candidate.pipe)}


def _build(
    name: str, candidate: Candidate, option_sets: Sequence[DeclaredOptions], files: Path
) -> tuple[MachineType | None, list[Problem]]:
    problems = [*candidate.problems, *_name_problems(name, candidate.heading)]
    plugin_options: dict[str, Any] = {}
    for declared in option_sets:
        if declared.section == "machinetype" and _applies(declared.schema, candidate.settings):
            own = checked(declared.schema, candidate.settings, candidate.heading)
            problems.extend(own.problems)
            plugin_options[declared.name] = own.value
    core = checked(
        MachineType,
        candidate.settings,
        candidate.heading,
        name=name,
        files_dir=str(_files_dir(files, candidate.pipe or name)),
        pipe=candidate.pipe,
        plugin_options=plugin_options,
    )
    problems.extend(core.problems)
    problems.extend(_bounds_problems(candidate, core.problems))
    return core.value, problems


def _applies(schema: type[Any], settings: Mapping[str, Setting]) -> bool:
    """Whether a plugin's options are given at all, or need not be."""
    options = options_of(schema)
    return any(name in settings for name in options) or not any(declared.required for declared, _ in options.values())


def _files_dir(files: Path, name: str) -> Path:
    """Vac 3 keeps a machinetype's files in a directory of its name, or in ``files`` below that."""
    below = files / name / "files"
    try:
        return below if NAME.fullmatch(name) and below.is_dir() else below.parent
    except OSError:
        return below.parent


def _name_problems(name: str, heading: Heading) -> list[Problem]:
    if NAME.fullmatch(name):
        return []
    what = f"'{name}' cannot be a machinetype's name"
    return [heading.problem(what, "use at most 63 lower-case letters, digits and hyphens, a letter or digit first")]


def _bounds_problems(candidate: Candidate, misread: Sequence[Problem]) -> Iterator[Problem]:
    """What is wrong with options that bound each other; of those that cannot be read that is said already."""
    wrong = {problem.option for problem in misread}
    settings = {name: setting for name, setting in candidate.settings.items() if setting.option not in wrong}
    read = checked(MachineType, settings, candidate.heading, name="").value
    unread = candidate.settings.keys() - settings.keys()
    if read is None:
        return
    if read.min_processors > read.max_processors and unread.isdisjoint({"min_processors", "max_processors"}):
        what = f"min_processors {read.min_processors} is above max_processors {read.max_processors}"
        yield _place(candidate, "min_processors").problem(what, "raise max_processors")
    if read.least_wallclock > read.max_wallclock_seconds and "max_wallclock_seconds" not in unread:
        what = f"it is above max_wallclock_seconds {read.max_wallclock_seconds}, so none can be started"
        place = _place(candidate, "min_wallclock_seconds")
        yield place.problem(what, "raise max_wallclock_seconds", Severity.WARNING)


def _place(candidate: Candidate, option: str) -> Setting | Heading:
    return candidate.settings.get(option, candidate.heading)
