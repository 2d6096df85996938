"""All that works on one engine for one factory, put together, with the threads that it needs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import attrs

from vac_core.config.schema import MachineType
from vac_core.cvmfs import Cvmfs
from vac_core.images import ImageCache
from vac_core.interfaces import Home, PluginError
from vac_core.model import Health, HealthState
from vac_docker.containers import Containers
from vac_docker.endings import Endings
from vac_docker.engine import Engine
from vac_docker.events import Events
from vac_docker.figures import Figures
from vac_docker.housekeeping import Housekeeping
from vac_docker.image_book import Image, ImageBook
from vac_docker.images import Images
from vac_docker.labels import factory_labels
from vac_docker.maker import Maker
from vac_docker.observe import Seen
from vac_docker.options import DockerPlugin, machine_options
from vac_docker.pull import Bounds
from vac_docker.record import Records
from vac_docker.source import source_of
from vac_docker.volumes import Volumes

_IMAGE_SECONDS: Final = 30.0
"""How long making a machine may wait for its image; what takes longer goes on in the background."""


@attrs.define(kw_only=True)
class Service:
    """The parts, by what they do."""

    home: Home
    engine: Engine
    cache: ImageCache
    containers: Containers
    volumes: Volumes
    records: Records
    images: Images
    cvmfs: Cvmfs
    figures: Figures
    endings: Endings
    maker: Maker
    housekeeping: Housekeeping
    changed: Callable[[str], None]
    log: logging.Logger = attrs.field(factory=lambda: logging.getLogger(__name__))
    _events: Events | None = None

    @classmethod
    def of(cls, home: Home, options: Callable[[], DockerPlugin], changed: Callable[[str], None]) -> Service:
        """Put them together for a factory; nothing is asked of the engine yet. Raises `OSError`."""
        machines = home.state_dir / "machines"
        machines.mkdir(mode=0o700, parents=True, exist_ok=True)
        labels, engine = factory_labels(home), Engine(options().socket)
        containers, volumes, records = Containers(engine, labels), Volumes(engine, labels), Records(machines)
        cache = ImageCache.of(home, changed=lambda: changed(""))
        images = Images(
            engine, cache, ImageBook(home.state_dir / "images.json"), lambda: _bounds(options()), lambda: changed("")
        )
        return cls(
            home=home,
            engine=engine,
            cache=cache,
            containers=containers,
            volumes=volumes,
            records=records,
            images=images,
            cvmfs=Cvmfs(lambda: changed("")),
            figures=Figures(engine),
            endings=Endings(containers),
            maker=Maker(home=home, engine=engine, containers=containers, volumes=volumes, records=records),
            housekeeping=Housekeeping(engine, images, options),
            changed=changed,
        )

    def watch(self) -> None:
        """Follow the engine's events from now on, and keep house."""
        if self._events is None:
            self._take_up_cvmfs()
            self._events = Events(self.engine, factory_labels(self.home), self._heard)
            self.housekeeping.begin()

    def _take_up_cvmfs(self) -> None:
        """Keep mounted what machines of before a restart use."""
        for record in self.records.all():
            self.cvmfs.hold(record.machine_id, self.housekeeping.options().cvmfs_root, record.cvmfs)

    def _heard(self, machine_id: str) -> None:
        if not machine_id:
            self.images.forgive()  # the engine is there again: what failed for want of it is tried at once
        self.changed(machine_id)

    def seen(self) -> list[Seen]:
        """All containers of this factory, each as it is at this moment; raises `EngineError`."""
        died = frozenset() if self._events is None else frozenset(self._events.died)
        looked = [
            self.containers.confirmed(one)
            if one.state == "created" or (one.container_id in died and not one.ended)
            else one
            for one in self.containers.all()
        ]
        return [one for one in looked if one is not None]

    def image(self, machinetype: MachineType, plugin: DockerPlugin) -> Image:
        """The image to make a machine of; raises `PluginError` where it is not here yet, or may not be used."""
        wanted = machine_options(machinetype)
        try:
            source = source_of(machinetype, plugin)
        except ValueError as problem:
            raise PluginError(f"machinetype {machinetype.name}: root_image: {problem}") from None
        image = self.images.get(source, wanted.image_pull, _IMAGE_SECONDS)
        if not image.allowed(wanted.image_digests_allowed):
            raise PluginError(not_allowed(machinetype, image))
        return image

    def refusal(self, machinetype: MachineType, plugin: DockerPlugin) -> str | None:
        """Why no machine of it can be made at this moment; None where one can."""
        wanted = machine_options(machinetype)
        try:
            source = source_of(machinetype, plugin)
        except ValueError as problem:
            return f"root_image: {problem}"
        reason = self.images.refusal(source, wanted.image_pull)
        image = self.images.known(source)
        if reason is None and image is not None and not image.allowed(wanted.image_digests_allowed):
            reason = not_allowed(machinetype, image)
        names = machinetype.cvmfs_repositories
        return reason or self.cvmfs.refusal(plugin.cvmfs_root, names, plugin.cvmfs_seconds)

    def refuse_without_cvmfs(self, machinetype: MachineType, plugin: DockerPlugin) -> None:
        """Raise `PluginError` where a repository that it needs does not answer."""
        reason = self.cvmfs.wait(plugin.cvmfs_root, machinetype.cvmfs_repositories, plugin.cvmfs_seconds)
        if reason:
            raise PluginError(reason)

    def health(self) -> Health:
        """What the engine is and which limits hold; raises `EngineError` where it does not answer."""
        facts = self.engine.facts()
        scratch = {True: "scratch held to its size", False: "scratch not held to a size", None: ""}[self.volumes.sized]
        found = f"{facts}; {scratch}" if scratch else str(facts)
        if not facts.seccomp:
            return Health(
                HealthState.DEGRADED, f"{found}; no seccomp", "let the engine have its default seccomp profile"
            )
        if facts.lacks:
            lacks = f"{found}; it cannot limit {', '.join(sorted(facts.lacks))}"
            return Health(HealthState.DEGRADED, lacks, "give the engine those cgroup controllers")
        return Health(found=found)

    def close(self) -> None:
        """End the threads, and let go of the connection."""
        if self._events is not None:
            self._events.close()
        self.housekeeping.close()
        self.figures.close()
        self.cache.close()
        self.engine.close()


def not_allowed(machinetype: MachineType, image: Image) -> str:
    """What is said of an image that is not on the list."""
    return (
        f"machinetype {machinetype.name}: the image {image.reference} is {image.digest}, "
        "which is not among image_digests_allowed: add it there, or have the right image put there"
    )


def _bounds(plugin: DockerPlugin) -> Bounds:
    return Bounds(seconds=plugin.image_seconds, max_gb=plugin.image_max_gb)
