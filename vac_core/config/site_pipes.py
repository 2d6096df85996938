"""[vacuum_pipe PREFIX] sections: where each VO publishes its machinetypes, and the site's own defaults for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from vac_core.config.checking import Understood, checked, misread
from vac_core.config.pipes import PipeDocument
from vac_core.config.problems import Problem, Severity, public_url
from vac_core.config.reading import Reading
from vac_core.config.schema import MACHINETYPE_NAME, VacuumPipe
from vac_core.config.sections import Heading, Setting
from vac_core.options import options_of

NAME: Final = re.compile(MACHINETYPE_NAME)
"""What a machinetype and a vacuum pipe's prefix may be called."""


@attrs.frozen(kw_only=True)
class SitePipe:
    """A [vacuum_pipe PREFIX] section: itself, its defaults for machinetypes, and its document if one was fetched."""

    heading: Heading
    pipe: VacuumPipe
    defaults: Mapping[str, Setting]
    document: PipeDocument | None = None


def site_pipe(
    heading: Heading,
    section: Understood,
    reading: Reading,
    document: PipeDocument | None,
) -> tuple[SitePipe | None, list[Problem]]:
    """Check one section, with the options that may stand in a machinetype."""
    own = options_of(VacuumPipe)
    defaults = {name: setting for name, setting in section.settings.items() if name not in own}
    texts = {name: setting.value for name, setting in defaults.items() if not reading.is_secret(name)}
    found = checked(VacuumPipe, section.settings, heading, prefix=heading.name, machinetype_defaults=texts)
    problems = [*section.problems, *found.problems]
    problems += [problem for schema in reading.machinetype_schemas for problem in misread(schema, defaults)]
    if NAME.fullmatch(heading.name) is None:
        what = f"'{heading.name}' cannot begin machinetypes' names"
        problems.append(heading.problem(what, "use lower-case letters, digits and hyphens"))
    elif found.value is not None:
        problems += _left_out(heading, found.value, document)
        return SitePipe(heading=heading, pipe=found.value, defaults=defaults, document=document), problems
    return None, problems


def _left_out(heading: Heading, pipe: VacuumPipe, document: PipeDocument | None) -> Iterable[Problem]:
    place = attrs.evolve(heading, file=public_url(pipe.vacuum_pipe_url), line=None)
    for what in document.left_out if document else ():
        yield place.problem(what, "ask the VO to mend its vacuum pipe", Severity.WARNING)
