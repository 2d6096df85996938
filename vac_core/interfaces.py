"""What a plugin provides: one small interface for each hook. Optional powers stand in `vac_core.powers`.

Methods are plain and may block: the factory calls them in worker threads, each with a deadline, and contains whatever
they raise. Each interface has a contract suite in `vac_core.testing`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_core.model import Event, FactoryReport, Health, Machine
from vac_core.situation import Situation, Verdicts


class PluginError(Exception):
    """A plugin could not do what it was asked. The message says what, where and the mend."""


class MachineTypeError(PluginError):
    """The machinetype is at fault: it is disabled, with this message as the reason, until its options change."""


@attrs.frozen(kw_only=True)
class Home:
    """What an object of a plugin is given when the factory starts it."""

    state_dir: Path
    """A directory of its own, kept over restarts; 0700."""
    machines_dir: Path
    """Where each machine has a directory named by its id, made by the factory."""
    factory: str
    space: str
    settings: Callable[[], Settings]
    """The settings as they are now: files are read again when they change."""
    options: Callable[[], Any]
    """The plugin's own [plugin NAME] section as it is now, a value of the schema it declared, or None."""
    wake: Callable[[], None] = lambda: None
    """Have the factory decide anew soon, from any thread: of use to who watches the world, and sees a change."""
    cpu_seconds: Callable[[], Mapping[str, float]] = dict
    """CPU time that each machine here has used by now, by its id. It asks the hypervisors, so it may block: for threads
    of a plugin's own."""


@attrs.frozen(kw_only=True)
class ContextFile:
    """One file that a machine is to find at an absolute path."""

    path: str
    content: bytes = attrs.field(repr=False)
    mode: int = 0o644


@attrs.frozen(kw_only=True)
class Context:
    """All that a machine is given; one value with many deliveries. It may hold secrets: its repr shows no content."""

    machine_id: str
    hostname: str
    user_data: bytes = attrs.field(default=b"", repr=False)
    machinefeatures: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    jobfeatures: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    metadata: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Further keys of the metadata, such as the URLs of the features."""
    public_keys: tuple[str, ...] = ()
    files: tuple[ContextFile, ...] = ()
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    shared: Mapping[str, bytes] | None = attrs.field(default=None, repr=False)
    """Files, by name, in a directory that the machine and its factory both write; None where there is to be none.

    A virtual machine mounts it by the tag ``shared``. As the next two, it takes a hypervisor that
    `vac_core.powers.CarriesMedia`.
    """
    floppy: bytes = attrs.field(default=b"", repr=False)
    """The image of a floppy disk that the machine is to have."""
    cdrom: bytes = attrs.field(default=b"", repr=False)
    """An ISO 9660 image that it is to have beside its seed."""
    details: Mapping[str, str] = attrs.field(factory=dict)
    """What is to be kept with the machine in the journal; never a secret."""


@attrs.frozen(kw_only=True)
class Features:
    """Machine/Job Features of a machine (HSF-TN-2016-02), key to value."""

    machinefeatures: Mapping[str, str]
    jobfeatures: Mapping[str, str]


@attrs.frozen(kw_only=True)
class Urls:
    """Where a machine finds what is served or bound for it: URLs, or absolute paths for machines that have binds."""

    machinefeatures: str
    jobfeatures: str
    joboutputs: str

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by which programs look for them (HSF-TN-2016-02)."""
        return {name.upper(): where for name, where in attrs.asdict(self).items()}


@attrs.frozen(kw_only=True)
class ContextRequest:
    """What a contextualiser is asked to make a context from."""

    machine: Machine
    machinetype: MachineType
    settings: Settings
    features: Features
    urls: Urls
    fetch: Callable[[str], bytes]
    """Get an http(s) URL within the site's deadline and size limit; raises `PluginError`."""
    with_secrets: bool = True
    """False for a context that is to be shown or published: it must hold nothing that a machine proves itself with."""

    def answer(self, user_data: bytes, **parts: Any) -> Context:
        """A context of the machine that is asked for, with its features; ``parts`` are further fields of `Context`."""
        return Context(
            machine_id=self.machine.id,
            hostname=self.machine.name,
            user_data=user_data,
            machinefeatures=self.features.machinefeatures,
            jobfeatures=self.features.jobfeatures,
            **parts,
        )


@attrs.frozen(kw_only=True)
class CreateRequest:
    """What a hypervisor is asked to make a machine from."""

    machine: Machine
    machinetype: MachineType
    settings: Settings
    context: Context
    directory: Path
    """The machine's own directory; machinefeatures/, jobfeatures/ and joboutputs/ are in it, made and filled, and
    shared/ where its context has such a directory."""


@attrs.frozen(kw_only=True)
class Observed:
    """A machine as its hypervisor sees it."""

    machine_id: str
    running: bool
    """False while it is still coming up, or when it has stopped and only its remains are there."""
    ended: bool = False
    paused: bool = False
    cpu_seconds: float | None = None
    exit_code: int | None = None
    """Of an ended machine, where that is known."""
    note: str = ""
    """What else is to be told of how it ended, such as ``out of memory``."""


class Named(abc.ABC):
    """An object that a hook returns: it has a name, by which site files pick it."""

    name: str

    def start(self, home: Home) -> None:  # noqa: B027 - most objects need nothing here
        """Get ready; called once before anything else. What it raises disables the object, with its message."""

    def stop(self) -> None:  # noqa: B027 - most objects need nothing here
        """Let go of threads and connections; machines go on running."""

    def health(self) -> Health:
        """Say whether it can work on this host, with the mend where it cannot."""
        return Health()


class Hypervisor(Named):
    """Makes, lists, watches and stops machines of some machine models on this host."""

    machine_models: frozenset[str]

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with a machinetype's options for this hypervisor, one message each; nothing is touched."""
        del machinetype
        return ()

    def features_for(self, machine: Machine, directory: Path) -> Urls | None:
        """Paths of features and outputs as the machine will see them; None where it is to use the HTTP service."""
        del machine, directory
        return None

    @abc.abstractmethod
    def create(self, request: CreateRequest) -> Mapping[str, str]:
        """Make the machine and start it; return details to keep with it in the journal.

        Raises `MachineTypeError` where the machinetype is at fault, `PluginError` otherwise. When it raises, or when
        the factory dies during it, `destroy` clears what was made so far.
        """

    @abc.abstractmethod
    def list_machines(self) -> Sequence[Observed]:
        """All machines of this factory that exist, ended ones whose remains are there included; never another's."""

    @abc.abstractmethod
    def request_stop(self, machine_id: str) -> None:
        """Ask the machine to end, and return at once. An unknown or ended machine is no error."""

    @abc.abstractmethod
    def destroy(self, machine_id: str) -> None:
        """End the machine if it still runs and clear away all it had here. Doing it again is no error."""

    @abc.abstractmethod
    def watch(self, changed: Callable[[str], None]) -> None:
        """From now on call ``changed(machine_id)``, from any thread, whenever a machine starts, ends or pauses."""


class Contextualiser(Named):
    """Turns a machinetype and a machine into a context."""

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with a machinetype's options for this contextualiser, one message each; nothing is fetched."""
        del machinetype
        return ()

    @abc.abstractmethod
    def context(self, request: ContextRequest) -> Context:
        """Make the context.

        Raises `MachineTypeError` where the machinetype is at fault, `PluginError` otherwise.
        """


class Policy(Named):
    """Vetoes or ranks machinetypes, each with a reason; may ask for running machines to be paused or stopped.

    A pure function of the situation: it is called for each machine that a pass plans, and again by ``vac why``.
    """

    @abc.abstractmethod
    def judge(self, situation: Situation) -> Verdicts:
        """Give its verdicts."""


@attrs.frozen(kw_only=True)
class SpaceView:
    """What a peer finder may be asked by other factories: this factory's state as a snapshot in memory."""

    own: FactoryReport
    machines: tuple[Machine, ...]
    """One for each slot that was ever used: the machine in it, or the last that was."""
    site: str
    status: Mapping[str, Any]
    """Figures of the factory itself, by their VacQuery names (``running_processors``, ``load_average`` ...)."""


class PeerFinder(Named):
    """Says who else is in the space, publishes own status, gathers theirs. Its methods run on the event loop."""

    @abc.abstractmethod
    async def open(self, home: Home, snapshot: Callable[[], SpaceView], changed: Callable[[], None]) -> None:
        """Begin to answer others from ``snapshot()``; call ``changed()`` when news arrive between two polls."""

    @abc.abstractmethod
    async def gather(self) -> Iterable[FactoryReport]:
        """Ask all peers; return when all have answered, or at the deadline with those that did."""

    @abc.abstractmethod
    async def announce(self) -> None:
        """Let peers know that this factory's state has changed in a way that matters to them."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Stop answering."""

    @abc.abstractmethod
    def silent(self) -> Sequence[str]:
        """Names of factories that ought to have answered the latest poll and did not."""


class Observer(Named):
    """Is told of each event after it is journalled, in order and at least once, also after a crash."""

    @abc.abstractmethod
    def observe(self, event: Event) -> None:
        """Take note; an observer that raises is told again later."""


@attrs.frozen(kw_only=True)
class OptionSet:
    """Options that a plugin declares: an attrs class whose fields are made with `vac_core.options.option`.

    ``section`` is ``plugin`` for the plugin's own [plugin NAME] section, ``machinetype`` for options that may stand in
    machinetypes. Fields marked ``pipe=True`` may be set by a vacuum pipe.
    """

    name: str
    section: str
    schema: type[Any]
