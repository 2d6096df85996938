"""The daemon: one factory with its sockets, from its start to the signal that ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import attrs

from vac_core import __version__
from vac_core.factory import logs
from vac_core.factory.bell import Bell, machines_cpu_seconds
from vac_core.factory.calls import ThreadCalls
from vac_core.factory.control import Control, serve
from vac_core.factory.crew import Crew, muster
from vac_core.factory.doors import GuestDoors, attend_for_ever
from vac_core.factory.factory import Factory
from vac_core.factory.fetching import fetch_for
from vac_core.factory.host import LinuxHost
from vac_core.factory.journal import Journal, JournalError
from vac_core.factory.kept_files import KeptFiles
from vac_core.factory.notify import notify, watchdog_seconds
from vac_core.factory.pipes import PipeCache
from vac_core.factory.service import Service
from vac_core.factory.site_source import NoSiteError, SiteFiles, SiteSource
from vac_core.factory.state_dir import StateDir, StateDirError
from vac_core.factory.surroundings import Surroundings
from vac_core.interfaces import Home, SpaceView
from vac_core.plugins import Registry, load_plugins

_log = logging.getLogger(__name__)

EXIT_OK: Final = 0
EXIT_PROBLEM: Final = 1


@attrs.frozen(kw_only=True)
class Launch:
    """How a daemon is started."""

    sources: Sequence[Path]
    """Site files, or directories of them, in the order in which they are read."""
    state_dir: Path
    block: Collection[str] = ()
    log_format: str = "human"
    log_level: str = "info"


def run(launch: Launch) -> int:
    """Run a factory until SIGTERM or SIGINT; return the exit code. Machines go on running without it."""
    logs.set_up(launch.log_format, launch.log_level)
    state = StateDir(launch.state_dir)
    try:
        state.prepare()
        lock = state.lock()
    except StateDirError as error:
        _log.error("%s", error)
        return EXIT_PROBLEM
    try:
        registry = load_plugins(launch.block)
        for record in registry.failed:
            _log.error("plugin %s: %s", record.name, record.error)
        source = _open_site(launch, state, registry)
        journal = Journal(state.journal)
        asyncio.run(_run(state, journal, source, registry))
    except NoSiteError as error:
        _log.error("the site files cannot be used:\n%s", error)
        return EXIT_PROBLEM
    except (JournalError, OSError) as error:
        _log.error("%s", error)
        return EXIT_PROBLEM
    finally:
        lock.release()
    return EXIT_OK


def _open_site(launch: Launch, state: StateDir, registry: Registry) -> SiteFiles:
    pipes, kept = PipeCache(state.path), KeptFiles(state.kept_files)
    return SiteFiles(launch.sources, registry.option_sets, pipes, state.machinetypes, time.time(), kept)


async def _run(state: StateDir, journal: Journal, source: SiteSource, registry: Registry) -> None:
    started = time.time()
    service, bell = Service(), Bell(asyncio.get_running_loop())
    given = _surroundings(state, journal, source, registry, service)
    home = _home(given, bell)
    await given.crew.start(home, state, registry, given.calls)
    factory = Factory(given)
    bell.heard = factory.wake
    for line in given.crew.missing:
        _log.error("%s", line)
    await _serve_guests(service, factory)
    await _open_peers(given.crew, home, factory, lambda: service.shown(factory.snapshot(), given.clock()))
    control = await serve(Control(factory, registry, started), state.control_socket)
    await factory.start()
    _log.info("factory %s of space %s is at work (Vac %s)", given.name, home.space, __version__)
    try:
        await _until_told(factory)
    finally:
        notify("STOPPING=1")
        await control.cleanup()
        await factory.close()
        await factory.peers.close()
        await service.close()
        await given.crew.stop(given.calls)
        journal.close()
        given.calls.close()
        _log.info("factory %s has stopped; its machines go on", given.name)


def _surroundings(
    state: StateDir, journal: Journal, source: SiteSource, registry: Registry, service: Service
) -> Surroundings:
    settings, host = source.site.settings, LinuxHost(state.path)
    return Surroundings(
        name=settings.factory_name or host.name(),
        state=state,
        journal=journal,
        source=source,
        crew=muster(registry, settings),
        host=host,
        calls=ThreadCalls(),
        clock=time.time,
        random=random.Random(),
        fetch=fetch_for,
        service_url=lambda: service.url,
    )


async def _serve_guests(service: Service, factory: Factory) -> None:
    """Let the HTTP service listen, at the site's address and wherever machines look for it."""
    given = factory.given
    await service.start(factory.roster, given.state, lambda: given.source.site.settings)
    if service.trouble:
        factory.troubles["http service"] = service.trouble
    doors = GuestDoors(service.listener, given.crew.hypervisors.values(), given.calls)
    factory.background.start(attend_for_ever(doors, lambda: factory.site.settings.pass_seconds, factory.troubles))


def _home(given: Surroundings, bell: Bell) -> Home:
    source = given.source
    return Home(
        state_dir=given.state.path,
        machines_dir=given.state.machines,
        factory=given.name,
        space=source.site.settings.vac_space,
        settings=lambda: source.site.settings,
        options=lambda: source.site.plugin_options,
        wake=bell.ring,
        cpu_seconds=lambda: machines_cpu_seconds(given.crew.in_use),
    )


async def _open_peers(crew: Crew, home: Home, factory: Factory, snapshot: Callable[[], SpaceView]) -> None:
    """Let each peer finder listen; one that cannot is still asked to gather, and its trouble is shown."""
    for finder in crew.peer_finders:
        try:
            await finder.open(home, snapshot, factory.peers.hint)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a factory that cannot be asked decides alone, and says so
            factory.troubles[f"peer_finder {finder.name}"] = str(error)
            _log.error("peer finder %s: %s", finder.name, error)


async def _until_told(factory: Factory) -> None:
    """Work until a signal says that it is enough; SIGHUP has the site files read again."""
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(factory.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    loop.add_signal_handler(signal.SIGHUP, lambda: factory.background.start(factory.follower.refresh(force=True)))
    watchdog = asyncio.create_task(_feed_watchdog())
    notify(f"READY=1\nMAINPID={os.getpid()}\nSTATUS=factory {factory.given.name}")
    try:
        await work
    except asyncio.CancelledError:
        return
    finally:
        watchdog.cancel()


async def _feed_watchdog() -> None:
    seconds = watchdog_seconds()
    while seconds is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(seconds)
