"""``vac images``: the cache of images, which the factory and this command may use at the same time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from vac_core.cli.display import console, say, show_json, show_table
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.times import shown_span
from vac_core.cli.trouble import Trouble

if TYPE_CHECKING:
    from vac_core.images import Cached, ImageCache, Progress

_HEADINGS: Final = ("URL", "SIZE", "AGE", "CHECKED", "MACHINES", "STATE")
_json_option = click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")


@click.group(
    "images",
    invoke_without_command=True,
    epilog=examples("vac images", "vac images fetch https://vo.example.org/vm.qcow2", "vac images prune"),
)
@_json_option
@pass_invocation
@click.pass_context
def images(ctx: click.Context, invocation: Invocation, as_json: bool) -> None:
    """List the images in the cache, or see to them.

    AGE is the time since an image was fetched, CHECKED the time since its server last said that it is the current one.
    """
    if ctx.invoked_subcommand is not None:
        return
    with _cache(invocation) as cache:
        found = cache.cached()
    if as_json:
        show_json([_document(one) for one in found])
    else:
        show_table(_HEADINGS, [_row(one, time.time()) for one in found], right=("SIZE", "MACHINES"))


@images.command(
    epilog=examples(
        "vac images fetch https://vo.example.org/vm.qcow2",
        "vac images fetch --sha256 $(cat vm.qcow2.sha256) https://vo.example.org/vm.qcow2",
    )
)
@click.argument("url")
@click.option("--sha256", metavar="HEX", help="What its sha256 must be, as root_image_sha256.")
@_json_option
@pass_invocation
def fetch(invocation: Invocation, url: str, sha256: str | None, as_json: bool) -> None:
    """Fetch the image at URL now, or see that the one that is here is current.

    What is broken off, by whatever, goes on from there the next time.
    """
    from vac_core.config.problems import public_url

    with _cache(invocation) as cache, _bar(public_url(url)) as told:
        image = cache.fetch(url, sha256, told)
    if as_json:
        show_json({"url": image.url, "sha256": image.sha256, "size": image.size, "path": str(image.path)})
    else:
        say(f"{image.url} is here: sha256 {image.sha256}")


@images.command(epilog=examples("vac images prune"))
@_json_option
@pass_invocation
def prune(invocation: Invocation, as_json: bool) -> None:
    """Take away images that are too old or too many.

    The rules are image_cache_days and image_cache_gb; images that machines use stay. The factory does this by itself.
    """
    from vac_core.images import shown_size

    with _cache(invocation) as cache:
        gone = cache.prune()
    if as_json:
        show_json([{"sha256": one.sha256, "size": one.size, "why": one.why} for one in gone])
        return
    for one in gone:
        say(f"{one.sha256}: {shown_size(one.size)}: {one.why}")
    say(f"{len(gone)} images taken away, {shown_size(sum(one.size for one in gone))}")


@contextmanager
def _cache(invocation: Invocation) -> Iterator[ImageCache]:
    """The factory's cache; what is wrong with it is told in a line."""
    from vac_core.images import ImageCache, directory_of
    from vac_core.interfaces import PluginError

    settings = invocation.site.settings
    directory = directory_of(settings, invocation.state_dir)
    _check_owner(directory)
    try:
        cache = ImageCache(directory, lambda: settings, machines_dir=invocation.state.machines)
        try:
            yield cache
        finally:
            cache.close()
    except PluginError as error:
        raise Trouble(str(error)) from None
    except PermissionError as error:
        raise Trouble(f"{error.filename}: permission denied: run this as the factory's user") from None


def _check_owner(directory: Path) -> None:
    """Make no files that the factory could not change: root would be let."""
    there = next((one for one in (directory, *directory.parents) if one.exists()), None)
    if there in {directory, directory.parent} and there is not None and there.stat().st_uid != os.geteuid():
        raise Trouble(f"{there} belongs to another user (uid {there.stat().st_uid}): run this as that user")


@contextmanager
def _bar(url: str) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal's error stream, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    screen = Console(stderr=True, no_color=console().no_color)
    with Progress(*columns, console=screen, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(url.rpartition("/")[2] or url, total=None)
        yield lambda come: bar.update(task, completed=come.octets, total=come.total)


def _row(one: Cached, now: float) -> list[Any]:
    from vac_core.images import shown_size

    fetched, checked = (None if then is None else now - then for then in (one.fetched, one.checked))
    size = shown_size(one.size) if one.size else None
    return [one.url, size, shown_span(fetched), shown_span(checked), len(one.machines), one.state]


def _document(one: Cached) -> dict[str, Any]:
    import attrs

    return attrs.asdict(one)
