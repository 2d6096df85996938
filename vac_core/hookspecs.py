"""The hooks: who is installed? Each collects named objects once, when a factory or a command starts."""

from __future__ import annotations

from collections.abc import Iterable

import click
import pluggy

from vac_core.interfaces import Contextualiser, Hypervisor, Observer, OptionSet, PeerFinder, Policy

PROJECT = "vac"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def vac_hypervisors() -> Iterable[Hypervisor]:
    """Offer ways to make machines on this host.

    Example::

        @hookimpl
        def vac_hypervisors():
            return [LxcHypervisor()]

    A machinetype finds its hypervisor by its ``machine_model``; where several offer the same model, its option
    ``hypervisor`` picks one by name.

    :return: objects of `vac_core.interfaces.Hypervisor`
    """
    raise NotImplementedError


@hookspec
def vac_contextualisers() -> Iterable[Contextualiser]:
    """Offer ways to turn a machinetype and a machine into a context.

    Example::

        @hookimpl
        def vac_contextualisers():
            return [MyVoContextualiser()]

    A machinetype picks one by name with its option ``contextualiser``.

    :return: objects of `vac_core.interfaces.Contextualiser`
    """
    raise NotImplementedError


@hookspec
def vac_peer_finders() -> Iterable[PeerFinder]:
    """Offer ways to find and ask the other factories of the space.

    Example::

        @hookimpl
        def vac_peer_finders():
            return [MulticastPeers()]

    The site file names those in use with ``peer_finders`` in [settings].

    :return: objects of `vac_core.interfaces.PeerFinder`
    """
    raise NotImplementedError


@hookspec
def vac_policies() -> Iterable[Policy]:
    """Offer policies that veto or rank machinetypes, each with a reason.

    Example::

        @hookimpl
        def vac_policies():
            return [OfficeHours()]

    The site file names those in use with ``policies`` in [settings]; the first one's rank weighs most.

    :return: objects of `vac_core.interfaces.Policy`
    """
    raise NotImplementedError


@hookspec
def vac_observers() -> Iterable[Observer]:
    """Offer observers, which are told of every event after it is journalled.

    Example::

        @hookimpl
        def vac_observers():
            return [Accounting()]

    All that are installed and not blocked are told.

    :return: objects of `vac_core.interfaces.Observer`
    """
    raise NotImplementedError


@hookspec
def vac_commands() -> Iterable[click.Command]:
    """Add sub-commands to ``vac``.

    Example::

        @hookimpl
        def vac_commands():
            return [my_command]

    :return: click commands or groups, each with a name that no other has
    """
    raise NotImplementedError


@hookspec
def vac_options() -> Iterable[OptionSet]:
    """Declare options that may stand in site files: a [plugin NAME] section, or more options of machinetypes.

    Example::

        @hookimpl
        def vac_options():
            return [OptionSet(name="lxc", section="machinetype", schema=LxcMachine)]

    :return: values of `vac_core.interfaces.OptionSet`
    """
    raise NotImplementedError
