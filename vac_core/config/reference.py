"""The reference page of all options, made from the same declarations that read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from vac_core.config.read import shown
from vac_core.config.schema import MachineType, Settings, VacuumPipe
from vac_core.config.vocabulary import RETIRED, DeclaredOptions
from vac_core.options import Option, options_of

_CORE: Final[tuple[tuple[str, type[Any], str], ...]] = (
    ("settings", Settings, "This factory and its space."),
    ("machinetype NAME", MachineType, "One kind of machine. NAME is of lower-case letters, digits and hyphens."),
    (
        "vacuum_pipe PREFIX",
        VacuumPipe,
        "Machinetypes PREFIX-SUFFIX that a VO publishes. A machinetype's options here win over the document's.",
    ),
)


def reference(option_sets: Sequence[DeclaredOptions] = ()) -> str:
    """A page in Markdown: every section, its options with defaults and units, and old names that are accepted."""
    lines = ["# Options of site files", ""]
    for heading, schema, text in _CORE:
        lines += _section(heading, text, schema)
    for declared in sorted(option_sets, key=lambda one: (one.section, one.name)):
        own = declared.section == "plugin"
        heading = f"plugin {declared.name}" if own else f"machinetype NAME ({declared.name})"
        text = "Of the plugin." if own else f"Further options of machinetypes, which the plugin {declared.name} reads."
        lines += _section(heading, text, declared.schema)
    lines += ["## Options that change nothing", "", "Files of older Vacs may hold these:", ""]
    lines += [f"- `{name}` in [{kind}]: {mend}." for kind, retired in RETIRED.items() for name, mend in retired.items()]
    return "\n".join([*lines, ""])


def _section(heading: str, text: str, schema: type[Any]) -> list[str]:
    lines = [f"## [{heading}]", "", text, ""]
    for name, (declared, default) in options_of(schema).items():
        shown_name = f"{name}_XXX" if declared.many else name
        lines += [f"### `{shown_name}`", "", declared.doc, "", *_facts(declared, default), ""]
    return lines


def _facts(declared: Option, default: Any) -> Iterator[str]:
    if declared.required:
        yield "- Required."
    elif not declared.many:
        yield f"- Default: {_shown_default(default)}"
    if declared.unit:
        yield f"- Unit: {declared.unit}"
    if declared.deprecated:
        yield f"- Old names: {_listed(declared.deprecated)}"
    if declared.pipe:
        yield "- A vacuum pipe may set it."
    if declared.secret:
        yield "- It is secret: it is never shown."


def _shown_default(default: Any) -> str:
    value = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
    return f"`{shown(value)}`" if shown(value) else "empty"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
