"""Headings of sections: which there may be, which Vac 3 had given up, and what a misspelt one may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from vac_core.config.problems import Problem, Severity
from vac_core.config.sections import DEFAULT_HEADING, NAMED_KINDS, Heading

_KINDS: Final = frozenset({"settings", *NAMED_KINDS})
_CONTAINED: Final = frozenset({"machinetype", "vacuum_pipe"})

_REJECTED: Final[Mapping[str, str]] = {
    "targetshares": "set target_share in each [machinetype NAME]",
    "factories": "list them with factories = ... in [settings]",
}


def usable(heading: Heading) -> bool:
    """Whether a section with this heading can be read at all."""
    return heading.kind in _KINDS and bool(heading.name) == (heading.kind in NAMED_KINDS)


def stops_all(problem: Problem, plugins: Collection[str]) -> bool:
    """Whether a problem makes the whole configuration unusable.

    What is wrong with a machinetype or a vacuum pipe disables that alone. A section for a plugin that is not
    installed, blocked or broken changes nothing.
    """
    heading = Heading(text=problem.section, file="")
    uninstalled = heading.kind == "plugin" and bool(heading.name) and heading.name not in plugins
    return problem.is_error and heading.kind not in _CONTAINED and not uninstalled


def heading_problems(
    headings: Iterable[Heading], plugins: Collection[str], blocked: Collection[str]
) -> Iterator[Problem]:
    """What is wrong with headings. ``plugins`` are those that take a section, ``blocked`` may have one all the same."""
    for heading in headings:
        if heading.renamed:
            yield heading.problem("this is an old name", f"write [machinetype {heading.name}]", Severity.WARNING)
        if heading.text == DEFAULT_HEADING or heading.text in {f"plugin {name}" for name in blocked}:
            continue
        if not usable(heading):
            yield _unusable(heading)
        elif heading.kind == "plugin" and heading.name not in plugins:
            near = difflib.get_close_matches(heading.name, list(plugins), n=1)
            mend = f"did you mean [plugin {near[0]}]?" if near else "install the plugin, or remove the section"
            yield heading.problem("no plugin that is in use takes this section, so it is ignored", mend)


def _unusable(heading: Heading) -> Problem:
    if heading.kind in _REJECTED:
        return heading.problem("sections of this kind are no longer read", _REJECTED[heading.kind])
    if heading.kind in NAMED_KINDS:
        return heading.problem("the section has no name", f"write [{heading.kind} NAME]")
    if heading.kind in _KINDS:
        return heading.problem(f"'{heading.name}' stands after {heading.kind}", f"write [{heading.kind}]")
    near = difflib.get_close_matches(heading.kind, sorted(_KINDS), n=1)
    mend = f"did you mean [{near[0]}{' NAME' if near[0] in NAMED_KINDS else ''}]?" if near else "remove it"
    return heading.problem("there is no such kind of section", mend)
