"""Making a machine: record, files, volumes and container, in an order in which a death at any step loses nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

import attrs

from vac_core.interfaces import CreateRequest, Home, MachineTypeError, PluginError
from vac_docker.containers import Containers
from vac_docker.contents import Written, write_contents
from vac_docker.engine import Engine
from vac_docker.errors import EngineError, EngineGoneError
from vac_docker.image_book import Image
from vac_docker.labels import machine_labels
from vac_docker.lending import lend
from vac_docker.limits import limits_of
from vac_docker.options import DockerPlugin, machine_options
from vac_docker.parts import Parts
from vac_docker.record import Record, Records
from vac_docker.values import Gpu
from vac_docker.volumes import Volumes, cannot_size

_log = logging.getLogger(__name__)


@attrs.define
class _Layers:
    """Whether the engine holds containers' own layers to a size; None before it was tried."""

    sized: bool | None = None


@attrs.frozen(kw_only=True)
class Maker:
    """Makes the machines of one factory on one engine."""

    home: Home
    engine: Engine
    containers: Containers
    volumes: Volumes
    records: Records
    _lending: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _layers: _Layers = attrs.field(factory=_Layers, init=False)

    def note(self, request: CreateRequest, image: Image, plugin: DockerPlugin) -> Record:
        """Write down what a machine is about to be given; raises `PluginError` where it cannot have it."""
        machine, wanted = request.machine, machine_options(request.machinetype)
        with self._lending:
            record = Record(
                machine_id=machine.id,
                name=request.context.hostname,
                processors=machine.processors,
                cpu_quota=wanted.container_cpu == "quota",
                gpus=tuple(gpu.name for gpu in lend(plugin.gpus, self.records.all(), wanted.gpus)),
                cvmfs=request.machinetype.cvmfs_repositories,
                volumes=tuple(_volume_names(request).values()),
                image_id=image.image_id,
            )
            try:
                self.records.create(record)
            except FileExistsError:
                raise PluginError(f"machine {machine.id} is there already: destroy it first") from None
            except OSError as problem:
                raise PluginError(
                    f"machine {machine.id} cannot be noted: {self.records.directory}: {problem.strerror}: mend that"
                ) from None
        return record

    def make(self, request: CreateRequest, record: Record, image: Image, plugin: DockerPlugin) -> str:
        """Make what was noted, start it, and return its container's id; raises `PluginError`."""
        labels = machine_labels(self.home, request.machine)
        scratch = limits_of(request.machine, request.machinetype, request.settings).scratch_bytes
        parts = Parts(
            image_id=image.image_id,
            user_data="",
            volumes=_volume_names(request),
            gpus=[Gpu(name) for name in record.gpus],
            labels=labels,
            layer_bytes=scratch
            if plugin.sized_storage and not machine_options(request.machinetype).read_only_root
            else None,
        )
        for name in parts.volumes.values():
            self.volumes.create(name, labels, scratch if plugin.sized_storage else None)
        written = self._write(request, image)
        parts = attrs.evolve(parts, user_data=written.user_data, files=written.files)
        container_id = self._created(request, record.name, parts, plugin)
        for path in parts.volumes:
            self.volumes.open_to_all(container_id, path)
        self._start(request, container_id)
        return container_id

    def _write(self, request: CreateRequest, image: Image) -> Written:
        user = machine_options(request.machinetype).container_user
        as_root = image.as_root if user is None else user.partition(":")[0] in {"0", "root"}
        try:
            return write_contents(request, as_root=as_root and not self.engine.facts().userns)
        except OSError as problem:
            raise PluginError(
                f"machine {request.machine.id}: {problem.filename}: {problem.strerror}: let the factory write there"
            ) from None

    def _created(self, request: CreateRequest, name: str, parts: Parts, plugin: DockerPlugin) -> str:
        from vac_docker.build import container  # noqa: PLC0415 - the library is large, and of no use before

        facts = self.engine.facts()
        if parts.layer_bytes is not None and self._layers.sized is False:
            parts = attrs.evolve(parts, layer_bytes=None)
        try:
            return self.containers.create(name, container(request, parts, plugin, facts))
        except EngineGoneError:
            raise
        except EngineError as problem:
            if parts.layer_bytes is None or not cannot_size(problem):
                raise
            _log.info("what machines write into their own layers is not held to a size: %s", problem)
        self._layers.sized = False
        return self.containers.create(name, container(request, attrs.evolve(parts, layer_bytes=None), plugin, facts))

    def _start(self, request: CreateRequest, container_id: str) -> None:
        try:
            self.containers.start(container_id)
        except EngineGoneError:
            raise
        except EngineError as problem:
            name = request.machinetype.name
            if any(word in str(problem) for word in ("container_command", "container_user", "user_data")):
                raise MachineTypeError(f"machinetype {name}: {problem}") from None
            raise


def _volume_names(request: CreateRequest) -> Mapping[str, str]:
    """Each of its tmp_binds, and the volume that is there."""
    return {path: f"vac-{request.machine.id}-{number}" for number, path in enumerate(request.machinetype.tmp_binds)}
