"""Site files and vacuum pipes become a `Site`, with all problems at once; nothing that stands in them raises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from vac_core.config.candidates import Candidate, from_pipe, from_section, laid_over
from vac_core.config.headings import heading_problems, stops_all
from vac_core.config.machinetypes import built
from vac_core.config.pipes import PipeDocument
from vac_core.config.problems import Problem, Severity
from vac_core.config.reading import Reading
from vac_core.config.schema import Site
from vac_core.config.sections import Written, merged
from vac_core.config.singles import plugin_options, settings
from vac_core.config.site_pipes import SitePipe, site_pipe
from vac_core.config.sources import expand, read_site_file
from vac_core.config.vocabulary import DeclaredOptions

MACHINETYPES_DIR: Final = Path("/var/lib/vac/machinetypes")
"""Where Vac 3 keeps the files of each machinetype."""


@attrs.frozen(kw_only=True)
class Loaded:
    """What the sources say, and all that is wrong with them."""

    site: Site | None
    """None where the files cannot be used at all: whoever has an earlier configuration keeps it."""
    problems: tuple[Problem, ...] = ()


def load(
    sources: Sequence[Path],
    option_sets: Sequence[DeclaredOptions],
    pipe_documents: Mapping[str, PipeDocument] | None = None,
    *,
    machinetypes_dir: Path = MACHINETYPES_DIR,
) -> Loaded:
    """Read and check everything.

    ``pipe_documents`` are the vacuum pipes that were fetched, by prefix; ``machinetypes_dir`` is where the files of
    machinetypes are. A machinetype that is wrong stands in the site's ``disabled``. Wrong settings, a wrong section of
    an installed plugin, or a file that cannot be read leave no site.
    """
    written = {str(path): read_site_file(path) for path in expand(sources)}
    return understand(written, option_sets, pipe_documents, machinetypes_dir=machinetypes_dir)


def understand(
    written: Mapping[str, Written],
    option_sets: Sequence[DeclaredOptions],
    pipe_documents: Mapping[str, PipeDocument] | None = None,
    *,
    machinetypes_dir: Path = MACHINETYPES_DIR,
) -> Loaded:
    """As `load`, of files that are read already, by their names and in their order."""
    files = tuple(written.values())
    reading = Reading.of(merged(files), option_sets)
    own_settings, found = settings(reading, bool(files))
    blocked = own_settings.block_plugins if own_settings else ()
    problems = [problem for file in files for problem in file.problems]
    problems += heading_problems((one for file in files for one in file.headings), reading.plugins, blocked)
    problems += [*reading.default_problems(), *found]
    options, found = plugin_options(reading)
    pipes, more = _pipes(reading, pipe_documents or {})
    problems += [*found, *more]
    candidates, found = _candidates(reading, pipes)
    machinetypes = built(candidates, option_sets, machinetypes_dir, [*problems, *found])
    problems = _in_order((*problems, *found, *machinetypes.problems), written)
    if own_settings is None or any(stops_all(problem, reading.plugins) for problem in problems):
        return Loaded(site=None, problems=tuple(problems))
    site = Site(
        settings=own_settings,
        machinetypes=machinetypes.machinetypes,
        pipes={prefix: one.pipe for prefix, one in pipes.items()},
        plugin_options=options,
        disabled=machinetypes.disabled,
    )
    return Loaded(site=site, problems=tuple(problems))


def _in_order(problems: Iterable[Problem], files: Iterable[str]) -> list[Problem]:
    """Each problem once, as one meets them when reading the files; those of vacuum pipes last."""
    order = {name: number for number, name in enumerate(files)}
    return sorted(dict.fromkeys(problems), key=lambda one: (order.get(one.file, len(order)), one.line or 0))


def _pipes(reading: Reading, documents: Mapping[str, PipeDocument]) -> tuple[dict[str, SitePipe], list[Problem]]:
    pipes: dict[str, SitePipe] = {}
    problems: list[Problem] = []
    for heading, section in reading.sections("vacuum_pipe"):
        pipe, found = site_pipe(heading, section, reading, documents.get(heading.name))
        problems += found
        if pipe is not None:
            pipes[heading.name] = pipe
    return pipes, problems


def _candidates(reading: Reading, pipes: Mapping[str, SitePipe]) -> tuple[dict[str, Candidate], list[Problem]]:
    published: dict[str, Candidate] = {}
    problems: list[Problem] = []
    for pipe in pipes.values():
        for name, candidate in from_pipe(pipe, reading.vocabularies["machinetype"]).items():
            if name in published:
                what = f"[vacuum_pipe {published[name].pipe}] defines {name} too, so it is left out here"
                problems.append(pipe.heading.problem(what, "give one of the two another name", Severity.WARNING))
            else:
                published[name] = candidate
    local = {heading.name: from_section(heading, section) for heading, section in reading.sections("machinetype")}
    return laid_over(local, published, pipes), problems
