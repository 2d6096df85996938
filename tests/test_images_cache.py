"""The cache of images, against a real HTTP server: what is ready when, and for how long."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_server import ImageServer, content, sha256, wait_until
from images_kit import DAY, MACHINE, OTHER, Kit

from vac_core.images import Fetching, Image, ImageCache, ImageError, Progress, Refused
from vac_core.testing import home, settings


@pytest.fixture
def server() -> Iterator[ImageServer]:
    made = ImageServer()
    yield made
    made.close()


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path / "imagecache")
    yield made
    made.cache.close()


def test_an_image_is_fetched_in_the_background_and_then_leased(kit: Kit, server: ImageServer) -> None:
    data = content(300_000)
    url = server.serve("/a.img", data)
    with pytest.raises(ImageError, match=r"a\.img is being fetched: the server is being asked"):
        kit.cache.lease(url, MACHINE)
    assert kit.cache.leases() == {}
    kit.changed()
    image = kit.cache.lease(url, MACHINE)
    assert image.path.read_bytes() == data
    assert (image.sha256, image.size, image.url) == (sha256(data), len(data), url)
    assert kit.cache.leases() == {MACHINE: frozenset({image.sha256})}


def test_others_may_read_an_image_and_nobody_may_write_it_or_list_the_cache(kit: Kit, server: ImageServer) -> None:
    image = kit.fetched(server.serve("/a.img", content(1000)))
    assert stat.S_IMODE(image.path.stat().st_mode) == 0o444
    assert stat.S_IMODE(image.path.parent.stat().st_mode) == 0o711
    assert stat.S_IMODE(kit.directory.stat().st_mode) == 0o711
    assert stat.S_IMODE((kit.directory / "sources").stat().st_mode) == 0o700


def test_the_server_is_asked_again_only_after_a_while_and_sends_nothing_twice(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(300_000))
    image = kit.fetched(url)
    asked, sent = len(server.asked), server.sent
    kit.now += 599.0
    assert kit.ready(url) == image
    assert len(server.asked) == asked
    kit.now += 1.0
    kit.checked(url)
    assert server.asked[-1][1]["If-None-Match"] == '"one"'
    assert (len(server.asked), server.sent) == (asked + 1, sent)


@pytest.mark.parametrize("etag", ['"one"', None, 'W/"one"'])
def test_a_server_that_heeds_no_condition_sends_no_image_twice(kit: Kit, server: ImageServer, etag: str | None) -> None:
    url = server.serve("/a.img", content(30_000_000), etag=etag, conditions=False)
    kit.fetched(url)
    kit.now += 600.0
    kit.checked(url)
    assert server.sent < 60_000_000


def test_machines_keep_the_image_they_have_when_a_newer_one_comes(kit: Kit, server: ImageServer) -> None:
    old, new = content(100_000), content(120_000, seed=1)
    url = server.serve("/a.img", old)
    kit.fetched(url)
    leased = kit.cache.lease(url, MACHINE)
    server.images["/a.img"].content, server.images["/a.img"].etag = new, '"two"'
    kit.now += 600.0
    assert kit.ready(url) == leased  # nobody has said yet that it is old
    kit.changed()
    assert kit.cache.lease(url, OTHER).path.read_bytes() == new
    kit.now += 100 * DAY
    assert kit.cache.prune() == []
    assert leased.path.read_bytes() == old


def test_an_image_known_to_be_old_is_not_used_though_the_newer_one_cannot_be_had(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(100_000))
    kit.fetched(url)
    served = server.images["/a.img"]
    served.etag, served.content, served.cut_after = '"two"', content(100_000, seed=1), 10_000
    kit.now += 600.0
    kit.ready(url)
    kit.changed()
    state = kit.cache.state(url)
    assert isinstance(state, Refused)
    assert state.reason.startswith("the server has a newer image than the one here, but ")
    served.cut_after = None
    kit.now += 60.0
    assert kit.fetched(url).sha256 == sha256(served.content)


def test_an_image_whose_currency_cannot_be_checked_is_refused_after_a_while(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(100_000))
    image = kit.fetched(url)
    server.images["/a.img"].status = 503
    for hours in range(1, 25):
        kit.now = 1_700_000_000.0 + hours * 3600.0
        assert kit.ready(url) == image
        kit.changed()
    kit.now += 120.0
    assert isinstance(kit.cache.state(url), Fetching)
    kit.changed()
    state = kit.cache.state(url)
    assert isinstance(state, Refused)
    assert state.reason == (
        "the image here could not be confirmed as the current one for more than 86400 s (image_max_stale_seconds): "
        f"{url} cannot be fetched: the server answered 503 Service Unavailable"
    )
    with pytest.raises(ImageError, match="could not be confirmed"):
        kit.cache.lease(url, MACHINE)
    server.images["/a.img"].status = 200
    kit.now += 60.0
    assert kit.fetched(url) == image


def test_a_failure_is_not_tried_again_at_once(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", b"", status=404)
    assert kit.refused(url) == f"{url} cannot be fetched: the server answered 404 Not Found"
    asked = len(server.asked)
    kit.now += 59.0
    assert isinstance(kit.cache.state(url), Refused)
    assert len(server.asked) == asked
    server.serve("/a.img", content(1000))
    kit.now += 1.0
    kit.fetched(url)


def test_a_clock_that_was_set_back_makes_the_server_be_asked(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(1000))
    image = kit.fetched(url)
    kit.now -= 1_000_000.0
    assert kit.fetched(url) == image


def test_an_image_of_a_prescribed_checksum_needs_no_check(kit: Kit, server: ImageServer) -> None:
    data = content(100_000)
    url = server.serve("/a.img", data, etag=None, last_modified=None)
    kit.fetched(url, sha256(data))
    asked = len(server.asked)
    kit.now += 100 * DAY
    kit.ready(url, sha256(data))
    kit.ready("https://elsewhere.example.org/the-same.img", sha256(data))
    assert len(server.asked) == asked


def test_another_checksum_than_the_prescribed_one_is_refused(kit: Kit, server: ImageServer) -> None:
    data = content(100_000)
    url = server.serve("/a.img", data)
    wanted = sha256(b"another")
    assert kit.refused(url, wanted) == (
        f"{url} has the sha256 {sha256(data)}, and root_image_sha256 says {wanted}: see which of the two is right"
    )
    assert not list((kit.directory / "objects").iterdir())
    kit.fetched(url)  # another machinetype does not care


@pytest.mark.parametrize("checksum", ["", "abc", "../../etc/passwd", "A" * 64])
def test_a_checksum_that_is_none_is_refused(kit: Kit, checksum: str) -> None:
    with pytest.raises(ImageError, match="is no sha256"):
        kit.cache.state("http://example.org/a.img", checksum)
    with pytest.raises(ImageError, match="is no sha256"):
        kit.cache.fetch("http://example.org/a.img", checksum)


def test_leases_outlive_the_daemon_until_they_are_released(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(100_000))
    kit.fetched(url)
    kit.cache.lease(url, MACHINE)
    image = kit.cache.lease(url, OTHER)
    kit.cache.close()
    again = kit.another()
    kit.now += 100 * DAY
    assert again.prune() == []
    again.release(MACHINE)
    again.release(MACHINE)
    again.release("no-such-machine")
    again.release("../../etc")
    assert again.leases() == {OTHER: frozenset({image.sha256})}
    assert again.prune() == []
    again.release(OTHER)
    assert again.prune() == []  # it was of use just now
    kit.now += 31 * DAY + (image.path.stat().st_mtime - kit.now)
    (removed,) = again.prune()
    assert (removed.sha256, removed.size) == (image.sha256, 100_000)
    assert removed.why == "not used for more than 30 days (image_cache_days)"
    assert not image.path.exists()


def test_a_lease_that_nobody_released_goes_after_its_machines_directory(
    kit: Kit, server: ImageServer, tmp_path: Path
) -> None:
    url = server.serve("/a.img", content(100_000))
    image = kit.fetched(url)
    machines = tmp_path / "machines"
    for one in (MACHINE, OTHER):
        (machines / one).mkdir(parents=True)
        kit.cache.lease(url, one)
    cache = ImageCache(kit.directory, settings, machines_dir=machines, clock=lambda: kit.now)
    (machines / MACHINE).rmdir()
    cache.prune()
    assert cache.leases().keys() == {MACHINE, OTHER}  # it may have been taken just now
    for one in (MACHINE, OTHER):
        os.utime(kit.directory / "leases" / one, (kit.now, kit.now))
    cache.prune()
    assert cache.leases() == {OTHER: frozenset({image.sha256})}


@pytest.mark.parametrize("machine_id", ["", ".", "..", "a/b", "a" * 200, ".hidden"])
def test_a_lease_is_for_a_machine_with_an_id(kit: Kit, server: ImageServer, machine_id: str) -> None:
    url = server.serve("/a.img", content(100))
    kit.fetched(url)
    with pytest.raises(ImageError, match="cannot be a machine's id"):
        kit.cache.lease(url, machine_id)


def test_the_longest_unused_image_makes_room_and_used_ones_never(kit: Kit, server: ImageServer) -> None:
    kit.rules["image_cache_gb"] = 0.00025
    urls = [server.serve(f"/{at}.img", content(100_000, seed=at)) for at in range(3)]
    first, second = kit.fetched(urls[0]), kit.fetched(urls[1])
    kit.cache.lease(urls[0], MACHINE)
    kit.fetched(urls[2])
    assert first.path.exists()
    assert not second.path.exists()
    kit.cache.lease(urls[2], MACHINE)
    kit.now += 60.0
    assert kit.refused(urls[1]) == (
        "the image cache has no room for 100.0 kB: 200.0 kB of 250.0 kB are used by machines or on their way: "
        "raise image_cache_gb, or wait until machines end"
    )
    kit.cache.release(MACHINE)
    kit.now += 60.0
    kit.fetched(urls[1])


def test_an_image_that_was_damaged_on_disk_is_fetched_again(kit: Kit, server: ImageServer) -> None:
    data = content(100_000)
    url = server.serve("/a.img", data)
    image = kit.fetched(url)
    image.path.chmod(0o644)
    image.path.write_bytes(data[:500])
    assert kit.fetched(url).path.read_bytes() == data
    image.path.unlink()
    assert kit.fetched(url).path.read_bytes() == data


def test_records_that_cannot_be_read_are_made_anew(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(100_000))
    image = kit.fetched(url)
    (record,) = (kit.directory / "sources").glob("*/source.json")
    for broken in ("", "[]", '{"url": 1, "more": 2}', "{"):
        record.write_text(broken)
        assert kit.fetched(url) == image


def test_threads_that_want_one_image_fetch_it_once(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(1_000_000))
    found: list[Image] = []
    threads = [threading.Thread(target=lambda: found.append(kit.another().fetch(url))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.path for one in found}) == 1
    assert len(found) == 8
    assert server.sent == 1_000_000


def test_an_image_is_never_taken_from_under_a_lease(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(1000))
    kit.cache.fetch(url)
    kit.rules["image_cache_gb"] = 0.0
    over = threading.Event()

    def prune() -> None:
        while not over.is_set():
            kit.another().prune()

    pruner = threading.Thread(target=prune)
    pruner.start()
    leased = 0
    for number in range(200):
        try:
            image = kit.cache.lease(url, f"machine-{number}")
        except ImageError:
            kit.rules["image_cache_gb"] = 1.0
            kit.cache.fetch(url)
            kit.rules["image_cache_gb"] = 0.0
        else:
            leased += 1
            assert image.path.read_bytes()
            kit.cache.release(f"machine-{number}")
    over.set()
    pruner.join()
    assert leased


def test_progress_is_told_by_whoever_looks(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(1_000_000), hold_after=400_000)
    told: list[Progress] = []
    half = threading.Event()

    def take(progress: Progress) -> None:
        told.append(progress)
        if progress.octets == 400_000:
            half.set()

    thread = threading.Thread(target=kit.cache.fetch, args=(url, None, take))
    thread.start()
    assert half.wait(120)
    watcher = kit.another()
    state = watcher.state(url)
    assert isinstance(state, Fetching)
    assert state.progress is not None
    assert (state.progress.octets, state.progress.total, state.progress.part) == (400_000, 1_000_000, 0.4)
    assert state.reason.startswith(f"{url} is being fetched: 40 % of 1.0 MB have come, at ")
    assert kit.cache.cached()[0].state.startswith("40 % of 1.0 MB have come, at ")
    server.go_on.set()
    thread.join()
    kit.changed()
    assert watcher.state(url).reason == ""
    watcher.close()


def test_a_cache_that_is_closed_lets_go_and_another_goes_on(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(1_000_000), hold_after=400_000)
    kit.cache.state(url)
    wait_until(lambda: [path.stat().st_size for path in kit.directory.glob("sources/*/part")] == [400_000])
    kit.cache.close()
    server.go_on.set()
    kit.changed()
    kit.cache = kit.another()
    kit.fetched(url)
    assert 1_000_000 <= server.sent <= 1_600_000  # what was on its way is thrown away


def test_what_is_secret_in_a_url_is_neither_told_nor_kept(kit: Kit, server: ImageServer) -> None:
    server.serve("/a.img?token=hunter2", content(1000))
    url = server.url.replace("http://", "http://me:hunter2@") + "/a.img?token=hunter2"
    image = kit.fetched(url)
    assert "hunter2" not in repr((image, kit.cache.cached(), kit.cache.state(url)))
    server.images["/a.img?token=hunter2"].status = 403
    kit.now += DAY + 1
    assert "hunter2" not in kit.refused(url)
    for path in kit.directory.rglob("*"):
        assert "hunter2" not in str(path)
        assert path.is_dir() or b"hunter2" not in path.read_bytes()


def test_a_factorys_cache_is_where_its_settings_say(tmp_path: Path) -> None:
    ImageCache.of(home(tmp_path), lambda: None).close()
    assert (tmp_path / "imagecache" / "objects").is_dir()
    elsewhere = str(tmp_path / "elsewhere")
    ImageCache.of(home(tmp_path, image_directory=elsewhere), lambda: None).close()
    assert (tmp_path / "elsewhere" / "objects").is_dir()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "imagecache").write_text("a file")
    with pytest.raises(ImageError, match=r"the image cache .* cannot be made: .*: mend its permissions or its disk"):
        Kit(tmp_path / "imagecache")


def test_what_is_in_the_cache_is_listed(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(100_000))
    gone = server.serve("/b.img", b"", status=404)
    image = kit.fetched(url)
    kit.cache.lease(url, MACHINE)
    kit.refused(gone)
    first, second = kit.cache.cached()
    assert (first.url, first.sha256, first.size, first.machines) == (url, image.sha256, 100_000, (MACHINE,))
    assert (first.state, first.fetched, first.checked) == ("ready", kit.now, kit.now)
    assert (second.url, second.sha256, second.path) == (gone, None, None)
    assert "404" in second.state
    server.images["/a.img"].content, server.images["/a.img"].etag = content(1000, seed=2), '"two"'
    kit.cache.fetch(url)
    left = kit.cache.cached()[-1]
    assert (left.url, left.sha256, left.machines) == ("", image.sha256, (MACHINE,))


def test_what_nobody_asks_for_any_more_is_forgotten(kit: Kit, server: ImageServer) -> None:
    kit.refused(server.serve("/b.img", b"", status=404))
    kit.now += 31 * DAY
    kit.cache.prune()
    assert kit.cache.cached() == []
    assert not list((kit.directory / "sources").iterdir())
