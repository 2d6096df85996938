"""The ``docker`` hypervisor: a machine is a container of an engine that speaks Docker's API."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home, Hypervisor, Observed, PluginError, Urls
from vac_core.model import Health, HealthState, Machine
from vac_core.powers import Resources
from vac_docker.checks import problems
from vac_docker.console import printed
from vac_docker.destroy import destroy
from vac_docker.errors import EngineError
from vac_docker.figures import Usage
from vac_docker.limits import quota
from vac_docker.observe import RUNNING, Seen, observe
from vac_docker.options import DockerPlugin
from vac_docker.paths import URLS
from vac_docker.promises import promises
from vac_docker.service import Service
from vac_docker.user_data import refuse_unfit


class DockerHypervisor(Hypervisor):
    """Machines that are containers of one engine. Its state directory holds a record of each, and of its images."""

    name = "docker"
    machine_models = frozenset({"docker"})

    def __init__(self, options: DockerPlugin | None = None) -> None:
        """``options`` hold where the site has no [plugin docker] section."""
        self._defaults = options or DockerPlugin()
        self._home: Home | None = None
        self._service: Service | None = None
        self._told: Callable[[str], None] = _no_one
        self._creating: set[str] = set()

    def start(self, home: Home) -> None:
        """Get ready. The engine need not be there yet: that is its health's business."""
        self._home = home
        try:
            self._service = Service.of(home, self._options, self._tell)
        except OSError as problem:
            raise PluginError(
                f"{home.state_dir}: {problem.strerror}: make it a directory the factory may write"
            ) from None

    def stop(self) -> None:
        """End the threads and the connection; machines go on running."""
        if self._service is not None:
            self._service.close()
            self._service = None

    def health(self) -> Health:
        """Whether the engine answers, what it is, and which limits hold."""
        try:
            return self._at_work.health()
        except EngineError as problem:
            what, _, mend = str(problem).rpartition(": ")
            return Health(HealthState.UNUSABLE, what, mend)

    @property
    def _at_work(self) -> Service:
        if self._service is None:
            raise PluginError("the hypervisor docker was not started: call start first")
        return self._service

    def _options(self) -> DockerPlugin:
        given = None if self._home is None else self._home.options()
        return given if isinstance(given, DockerPlugin) else self._defaults

    def _tell(self, machine_id: str) -> None:
        self._told(machine_id)

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with its options for containers."""
        return tuple(problems(machinetype, self._options()))

    def features_for(self, machine: Machine, directory: Path) -> Urls:
        """Vac 3's bind points."""
        del machine, directory
        return URLS

    def resources(self, machinetypes: Sequence[MachineType]) -> Resources:
        """GPUs, each once; and why of some no machine can be made now: its image, or CVMFS."""
        return promises(machinetypes, self._at_work, self._options())

    def create(self, request: CreateRequest) -> Mapping[str, str]:
        """Get its image, and make and start its container."""
        machine_id, service, plugin = request.machine.id, self._at_work, self._options()
        refuse_unfit(request)
        if not service.records.fits(machine_id):
            raise PluginError(f"{machine_id!r} cannot be a machine's id: use letters, digits and hyphens")
        if service.records.get(machine_id) is not None:
            raise PluginError(f"machine {machine_id} is there already: destroy it first")
        image = service.image(request.machinetype, plugin)
        service.refuse_without_cvmfs(request.machinetype, plugin)
        with self._in_creation(machine_id):
            record = service.maker.note(request, image, plugin)
            try:
                service.cvmfs.hold(machine_id, plugin.cvmfs_root, record.cvmfs)
                container_id = service.maker.make(request, record, image, plugin)
            except BaseException:
                with contextlib.suppress(EngineError):  # the factory calls destroy again
                    self.destroy(machine_id)
                raise
        self._told(machine_id)
        return {
            "container_id": container_id,
            "image": image.reference,
            "image_digest": image.digest,
            "image_id": image.image_id,
            **({"gpus": " ".join(record.gpus)} if record.gpus else {}),
        }

    @contextlib.contextmanager
    def _in_creation(self, machine_id: str) -> Iterator[None]:
        self._creating.add(machine_id)
        try:
            yield
        finally:
            self._creating.discard(machine_id)

    def list_machines(self) -> Sequence[Observed]:
        """All that have a record or a container."""
        service = self._at_work
        # Looked at before the containers: what is made meanwhile must not be missed by both.
        creating, recorded = set(self._creating), [record.machine_id for record in service.records.all()]
        seen = service.seen()
        creating |= self._creating
        used = {machine_id: usage.cpu_seconds for machine_id, usage in service.figures.refresh(seen).items()}
        return observe(seen, recorded, creating, service.endings.of(seen), used)

    def request_stop(self, machine_id: str) -> None:
        """Send process 1 the signal that its image wants for that, SIGTERM where it names none."""
        for one in self._running(machine_id):
            self._at_work.containers.request_stop(one)

    def destroy(self, machine_id: str) -> None:
        """End it, keep what it printed, and remove its container, volumes, files and record."""
        destroy(machine_id, self._at_work, self._options())

    def watch(self, changed: Callable[[str], None]) -> None:
        """Tell what the engine's events tell."""
        self._told = changed
        self._at_work.watch()

    def pause(self, machine_id: str) -> None:
        """Hold it still."""
        for one in self._running(machine_id):
            self._at_work.containers.pause(one.container_id)
            self._told(machine_id)

    def resume(self, machine_id: str) -> None:
        """Let it go on."""
        for one in self._running(machine_id):
            self._at_work.containers.unpause(one.container_id)
            self._told(machine_id)

    def cap(self, machine_id: str, part: float | None) -> None:
        """Let it use at most this part of its processors' time."""
        record = self._at_work.records.get(machine_id)
        if record is not None:
            free = part is None and not record.cpu_quota
            for one in self._running(machine_id):
                self._at_work.containers.limit_cpu(one.container_id, -1 if free else quota(record.processors, part))

    def console_log(self, machine_id: str, most_octets: int) -> bytes:
        """The newest part of what it printed."""
        service = self._at_work
        return b"".join(
            printed(service.engine, one.container_id, most_octets) for one in service.containers.of(machine_id)
        )

    def figures(self) -> Mapping[str, Usage]:
        """The latest of each machine's processor time and memory, by its id."""
        return self._at_work.figures.settled(self._at_work.seen())

    def _running(self, machine_id: str) -> list[Seen]:
        return [one for one in self._at_work.containers.of(machine_id) if one.state in RUNNING]


def _no_one(machine_id: str) -> None:
    """Who is told before anybody watches."""
