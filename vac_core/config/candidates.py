"""Machinetypes before they are checked: what the site files and the vacuum pipes say of each, laid one over another."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from vac_core.config.checking import Understood
from vac_core.config.pipes import PipeDocument
from vac_core.config.problems import Problem, Severity, public_url
from vac_core.config.schema import VacuumPipe
from vac_core.config.sections import Heading, Setting
from vac_core.config.site_pipes import SitePipe
from vac_core.config.vocabulary import Vocabulary


@attrs.frozen(kw_only=True)
class Candidate:
    """One machinetype: its settings by the names of today, and where it comes from."""

    heading: Heading
    settings: Mapping[str, Setting]
    pipe: str | None = None
    waits: str = ""
    """Why it cannot be used yet, though nothing is wrong with it."""
    problems: tuple[Problem, ...] = ()


def from_section(heading: Heading, section: Understood) -> Candidate:
    """A [machinetype NAME] section."""
    return Candidate(heading=heading, settings=section.settings, problems=section.problems)


def from_pipe(site_pipe: SitePipe, vocabulary: Vocabulary) -> dict[str, Candidate]:
    """The machinetypes of one pipe: each is PREFIX-SUFFIX, and the section's own options win over the document's."""
    found: dict[str, Candidate] = {}
    document = site_pipe.document or PipeDocument()
    for suffix in document.entries:
        name = f"{site_pipe.pipe.prefix}-{suffix}"
        heading = Heading(text=f"machinetype {name}", file=public_url(site_pipe.pipe.vacuum_pipe_url))
        published, problems = _published(document, suffix, heading, site_pipe.pipe, vocabulary)
        found[name] = Candidate(
            heading=heading,
            settings={**published, **site_pipe.defaults},
            pipe=site_pipe.pipe.prefix,
            problems=tuple(problems),
        )
    return found


def _published(
    document: PipeDocument, suffix: str, heading: Heading, pipe: VacuumPipe, vocabulary: Vocabulary
) -> tuple[dict[str, Setting], list[Problem]]:
    entry = document.entries[suffix]
    problems = [heading.problem(entry.refused, "ask the VO to mend its vacuum pipe")] if entry.refused else []
    share = repr(document.share(suffix, pipe.target_share))
    settings = {"target_share": _setting("target_share", share, heading)}
    for name, value in entry.options.items():
        setting = _setting(name, value, heading)
        meaning = vocabulary.meaning(name)
        if meaning is None or not meaning.declared.pipe:
            what = "a vacuum pipe may not set it, so it is left out"
            problems.append(setting.problem(what, "set it in the site file", Severity.WARNING))
        elif not meaning.deprecated or meaning.option not in entry.options:
            settings[meaning.option] = setting
    return settings, problems


def _setting(option: str, value: str, heading: Heading) -> Setting:
    return Setting(option=option, value=value, file=heading.file, section=heading.text)


def laid_over(
    local: Mapping[str, Candidate], published: Mapping[str, Candidate], pipes: Mapping[str, SitePipe]
) -> dict[str, Candidate]:
    """All machinetypes: a [machinetype PREFIX-SUFFIX] section wins, option by option, over what its pipe says."""
    laid = dict(published)
    for name, own in local.items():
        under = published.get(name)
        if under is not None:
            settings = {**under.settings, **own.settings}
            problems = (*under.problems, *own.problems)
            laid[name] = attrs.evolve(under, heading=own.heading, settings=settings, problems=problems)
        else:
            laid[name] = attrs.evolve(own, waits=_waits(name, own, pipes))
    return laid


def _waits(name: str, own: Candidate, pipes: Mapping[str, SitePipe]) -> str:
    prefix = next((prefix for prefix in sorted(pipes, key=len, reverse=True) if name.startswith(f"{prefix}-")), None)
    if prefix is None or "user_data" in own.settings:
        return ""
    if pipes[prefix].document is None:
        return f"it stands for a part of [vacuum_pipe {prefix}], which has not been fetched yet"
    return f"[vacuum_pipe {prefix}] does not define it, and [machinetype {name}] sets no user_data"
