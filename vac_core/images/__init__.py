"""One cache of images for all hypervisors of a factory, and for ``vac images``: each URL's image is a plain file.

A hypervisor makes one `ImageCache` when it is started, asks it from ``resources`` what stands in a machinetype's way,
and takes a *lease* for each machine that it creates. The lease is on disk, so it outlives the daemon; while it is held
the file stays as it is, whatever becomes of the URL::

    def start(self, home):
        self.images = ImageCache.of(home, changed=lambda: self._told(""))    # news: the factory decides again

    def resources(self, machinetypes):                  # quick; what must be fetched is fetched in the background
        states = {one.name: self.images.state(one.root_image, one.root_image_sha256) for one in machinetypes}
        return Resources(refusals={name: state.reason for name, state in states.items() if state.reason})

    def create(self, request):
        kind = request.machinetype
        image = self.images.lease(kind.root_image, request.machine.id, kind.root_image_sha256)   # raises ImageError
        boot(image.path)                                # and image.sha256, image.size, image.url for the journal

    def destroy(self, machine_id):
        self.images.release(machine_id)                 # all of the machine's leases; again is no error

    def stop(self):
        self.images.close()                             # downloads are broken off, and resumed another time

The signatures::

    ImageCache(directory: Path, settings: Callable[[], Settings], *, machines_dir=None, changed=..., clock=time.time)
    ImageCache.of(home: Home, changed: Callable[[], None]) -> ImageCache
    cache.state(url: str, sha256: str | None = None) -> Ready | Fetching | Refused       # never blocks for long
    cache.lease(url: str, machine_id: str, sha256: str | None = None) -> Image           # never blocks for long
    cache.release(machine_id: str) -> None
    cache.fetch(url: str, sha256: str | None = None, progress: Callable[[Progress], None] = ...) -> Image    # blocks
    cache.cached() -> Sequence[Cached]
    cache.leases() -> Mapping[str, frozenset[str]]      # machine id -> sha256 of its images
    cache.prune() -> Sequence[Removed]
    cache.close() -> None

``str()`` of a state is for people: ``ready``, ``40 % of 1.2 GB have come, at 11.3 MB a second`` or why it is refused.
Files are 0444 and their directories can be searched but not listed, so that QEMU's or a container's user can read an
image whose path it is given: see that it can also search the way there, and that nothing changes the file's owner
(libvirt: ``<seclabel model='dac' relabel='no'/>`` in the element of the backing store).
"""

from __future__ import annotations

from vac_core.images.cache import ImageCache, directory_of
from vac_core.images.values import (
    Cached,
    Fetching,
    Image,
    ImageError,
    Progress,
    Ready,
    Refused,
    Removed,
    State,
    shown_size,
)

__all__ = [
    "Cached",
    "Fetching",
    "Image",
    "ImageCache",
    "ImageError",
    "Progress",
    "Ready",
    "Refused",
    "Removed",
    "State",
    "directory_of",
    "shown_size",
]
