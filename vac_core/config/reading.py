"""All sections of a site's files, and what each of them may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from vac_core.config.checking import Understood, understood
from vac_core.config.problems import Problem
from vac_core.config.schema import MachineType, Settings, VacuumPipe
from vac_core.config.sections import DEFAULT_HEADING, Heading, Section
from vac_core.config.vocabulary import DeclaredOptions, Vocabulary


@attrs.frozen(kw_only=True)
class Reading:
    """The merged sections, with the vocabulary of each kind."""

    merged: Mapping[tuple[str, str], Section]
    vocabularies: Mapping[str, Vocabulary]
    plugins: Mapping[str, DeclaredOptions]
    """Plugins that declared options of a [plugin NAME] section."""
    machinetype_schemas: tuple[type[Any], ...]

    @classmethod
    def of(cls, merged: Mapping[tuple[str, str], Section], option_sets: Sequence[DeclaredOptions]) -> Reading:
        """Pair sections with the options of the core and of plugins."""
        added: list[type[Any]] = [declared.schema for declared in option_sets if declared.section == "machinetype"]
        plugins = {declared.name: declared for declared in option_sets if declared.section == "plugin"}
        vocabularies = {
            "settings": Vocabulary([Settings]),
            "machinetype": Vocabulary([MachineType, *added]),
            "vacuum_pipe": Vocabulary([VacuumPipe, MachineType, *added]),
            **{f"plugin {name}": Vocabulary([declared.schema]) for name, declared in plugins.items()},
        }
        schemas: tuple[type[Any], ...] = (MachineType, *added)
        return cls(merged=merged, vocabularies=vocabularies, plugins=plugins, machinetype_schemas=schemas)

    def sections(self, kind: str) -> Iterator[tuple[Heading, Understood]]:
        """Sections of one kind that has names, in the order in which they were first met."""
        for heading, section in self.merged.items():
            if heading[0] == kind and heading[1]:
                yield section.heading, self.understood(section)

    def understood(self, section: Section) -> Understood:
        """A section by today's names, with what [DEFAULT] gives to sections of its kind."""
        vocabulary = self.vocabularies[section.heading.takes]
        given = {name: one for name, one in self._defaults.items() if vocabulary.meaning(name)}
        return understood(attrs.evolve(section, settings={**given, **section.settings}), self.vocabularies)

    def is_secret(self, option: str) -> bool:
        """Whether an option of machinetypes is never to be shown."""
        meaning = self.vocabularies["machinetype"].meaning(option)
        return meaning is not None and meaning.declared.secret

    def default_problems(self) -> Iterator[Problem]:
        """Options of [DEFAULT] that no section takes."""
        for name, setting in self._defaults.items():
            if not any(vocabulary.meaning(name) for vocabulary in self.vocabularies.values()):
                yield setting.problem("no section takes such an option", "remove the line")

    @property
    def _defaults(self) -> Mapping[str, Any]:
        section = self.merged.get((DEFAULT_HEADING, ""))
        return section.settings if section else {}
