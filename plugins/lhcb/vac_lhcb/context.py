"""The contextualiser ``lhcb``: contexts of machines whose job agent pulls a VO's jobs from DIRAC's task queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vac_grid.terms import CredentialError
from vac_grid.user_data import GridUserData

from vac_core.builtin.user_data import public_keys
from vac_core.config.schema import MachineType
from vac_core.interfaces import (
    Context,
    ContextFile,
    ContextRequest,
    Contextualiser,
    Home,
    MachineTypeError,
    PluginError,
)
from vac_core.powers import Resources
from vac_lhcb.cloud_config import SETTINGS_DIR, cloud_config
from vac_lhcb.credentials import credential_files, credential_troubles, secret_troubles, source_of
from vac_lhcb.diracx_access import LhcbPlugin
from vac_lhcb.legacy import legacy_user_data
from vac_lhcb.options import LhcbMachine, machine_options
from vac_lhcb.pilot_files import FACTORY, pilot_files, places
from vac_lhcb.places import Place, place_of
from vac_lhcb.script import run_script
from vac_lhcb.settings import machine_settings, pilot_details
from vac_lhcb.site_status import SiteStatus

TEMPLATE: Final = "template"
_LEGACY: Final = "legacy"


class LhcbContextualiser(Contextualiser):
    """Makes the contexts; what is to be known of a pilot stands in the machinetype's ``dirac_`` options."""

    name = "lhcb"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._templates = GridUserData(clock)
        self._status = SiteStatus()
        self._factory = ""
        self._options: Callable[[], Any] = lambda: None

    def start(self, home: Home) -> None:
        """Take note of the factory's name, which templates may ask for, and of where the plugin's options are."""
        self._factory = home.factory
        self._options = home.options
        self._templates.start(home)

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the options; no URL and no certificate is looked at."""
        options = machine_options(machinetype)
        if options.dirac_era == TEMPLATE:
            return self._templates.check(machinetype)
        problems = [] if options.dirac_site else [_no_site(machinetype)]
        if options.dirac_era == _LEGACY and not place_of(machinetype.machine_model).boots:
            problems.append("dirac_era: legacy is for machines that boot CernVM: set it to pilot3")
        if options.dirac_era == _LEGACY and options.diracx_pilot_secret_file:
            problems.append("diracx_pilot_secret_file: pilots of the era legacy know no DiracX: take it out")
        if options.dirac_pilot_fetch == FACTORY:
            problems += _not_from_factory(options)
        if not options.dirac_pilot_urls:
            problems.append("dirac_pilot_urls: there is none: write where the VO publishes its pilot")
        try:
            source_of(machinetype)
        except MachineTypeError as error:
            problems.append(str(error))
        return problems

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the certificate and the secret now, or will be within days."""
        if machine_options(machinetype).dirac_era == TEMPLATE:
            return self._templates.missing(machinetype)
        try:
            source = source_of(machinetype)
        except MachineTypeError as error:
            return [str(error)]
        told = source.warning(machinetype, self._clock()) if source else ""
        return [*([f"dirac_cert: {told}"] if told else []), *secret_troubles(machinetype)]

    def resources(self, machinetypes: Sequence[MachineType]) -> Resources:
        """Refuse those whose certificate will not do for a machine's whole life, and those whose site is banned."""
        templates = [one for one in machinetypes if machine_options(one).dirac_era == TEMPLATE]
        found = [self._templates.resources(templates).refusals]
        for one in machinetypes:
            if one not in templates:
                found += [{one.name: why} for why in credential_troubles(one, self._clock())]
        found.append(self._status.bans(machinetypes, self._plugin()))
        return Resources(refusals=_joined(found))

    def context(self, request: ContextRequest) -> Context:
        """Make the context. Raises `MachineTypeError` for wrong options, `PluginError` for a bad certificate."""
        machinetype = request.machinetype
        if machine_options(machinetype).dirac_era == TEMPLATE:
            return self._templates.context(request)
        problems = self.check(machinetype)
        if problems:
            raise MachineTypeError(f"machinetype {machinetype.name}: {'; '.join(problems)}")
        try:
            secrets = credential_files(machinetype, request.machine, self._clock()) if request.with_secrets else {}
        except CredentialError as error:  # not for good: it may yet be renewed
            raise PluginError(f"machinetype {machinetype.name}, {error}") from error
        pilot = pilot_files(machine_options(machinetype), request.fetch)
        place = place_of(machinetype.machine_model)
        return request.answer(
            self._user_data(request, place, secrets, pilot),
            public_keys=public_keys(Path(request.settings.root_public_key)),
            files=_files(place, secrets, pilot),
            environment=request.urls.variables,
            details=pilot_details(request, place),
        )

    def _plugin(self) -> LhcbPlugin:
        found = self._options()
        return found if isinstance(found, LhcbPlugin) else LhcbPlugin()

    def _user_data(
        self, request: ContextRequest, place: Place, secrets: Mapping[str, bytes], pilot: Mapping[str, bytes]
    ) -> bytes:
        if machine_options(request.machinetype).dirac_era == _LEGACY:
            return legacy_user_data(request, secrets, self._factory)
        settings = machine_settings(request, place, self._plugin().diracx_url or "")
        if place.boots:
            return cloud_config(request.machinetype, settings, secrets, pilot)
        return run_script(settings, secrets, pilot, SETTINGS_DIR if place.has_files else "")


def _joined(parts: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    """All that is told of each machinetype."""
    joined: dict[str, str] = {}
    for part in parts:
        joined |= {name: f"{joined[name]}; {why}" if name in joined else why for name, why in part.items()}
    return joined


def _not_from_factory(options: LhcbMachine) -> Iterator[str]:
    if options.dirac_era == _LEGACY:
        yield "dirac_pilot_fetch: machines of the era legacy get the pilot themselves: set it to machine"
    if not places(options):
        yield "dirac_pilot_urls: the factory gets a pilot's files by http:// or https:// only: write such a place"


def _no_site(machinetype: MachineType) -> str:
    return (
        f"machinetype {machinetype.name} has no dirac_site: set dirac_site to the site's name in DIRAC, such as "
        "VAC.Example.uk"
    )


def _files(place: Place, secrets: Mapping[str, bytes], pilot: Mapping[str, bytes]) -> tuple[ContextFile, ...]:
    """What a container finds beside its program; secrets are for its root alone."""
    if place.boots or not place.has_files:
        return ()
    return tuple(
        ContextFile(path=f"{SETTINGS_DIR}/{name}", content=content, mode=mode)
        for given, mode in ((secrets, 0o600), (pilot, 0o644))
        for name, content in given.items()
    )
