"""Images from a real registry: pulled with credentials, by digest, asked for again by the rule, only those allowed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_makers import Maker, opened
from docker_kit import client_of
from registry_kit import ADDRESS, PASSWORD, Registry, auth_file
from vac_docker import DockerPlugin
from vac_docker.testing import busybox_archive

from vac_core.interfaces import PluginError
from vac_core.testing import home as make_home
from vac_core.testing.box import ContainerHost

pytestmark = pytest.mark.system

JOB = f"docker://{ADDRESS}/vo/job"


def version(number: int) -> bytes:
    """An archive of an image that differs by this number."""
    return busybox_archive("localhost/vac-tests/pushed:1", Labels={"version": str(number)})


@pytest.fixture
def registry(engine: ContainerHost) -> Registry:
    """A registry with the image vo/job:1."""
    one = Registry(engine)
    one.begin()
    return one


@pytest.fixture
def maker(tmp_path: Path, engine: ContainerHost, registry: Registry) -> Iterator[Maker]:
    """The hypervisor of a site that has credentials for the registry."""
    options = DockerPlugin(socket=engine.url, docker_auth_file=str(auth_file(tmp_path)))
    with opened(Maker(make_home(tmp_path, options=options))) as one:
        yield one


def forget(maker: Maker, engine: ContainerHost, reference: str) -> None:
    """Have the engine lose an image."""
    with client_of(engine) as client:
        client.remove_image(reference, force=True)


def test_an_image_is_pulled_before_a_machine_is_promised_and_its_digest_is_kept(
    maker: Maker, registry: Registry
) -> None:
    digest = registry.push("vo/job:1", version(1))
    of_type = maker.machinetype(f"{JOB}:1")
    registry.hold()
    assert f"{ADDRESS}/vo/job:1 is being pulled" in maker.await_refusal(of_type, "is being pulled")
    registry.go_on()
    maker.await_image(of_type)
    seen, details = maker.run(of_type)
    assert seen.exit_code == 0
    assert details["image"] == f"{ADDRESS}/vo/job:1"
    assert details["image_digest"] == digest


def test_an_image_named_by_its_digest_is_that_one_whatever_its_tag_says_by_now(
    maker: Maker, registry: Registry
) -> None:
    first = registry.push("vo/job:1", version(1))
    second = registry.push("vo/job:1", version(2))
    assert first != second
    of_type = maker.machinetype(f"{JOB}@{first}")
    maker.await_image(of_type)
    _, details = maker.run(of_type)
    assert details["image_digest"] == first


def test_without_credentials_and_with_wrong_ones_the_reason_is_said_and_no_secret(
    tmp_path: Path, engine: ContainerHost, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    registry.push("vo/job:1", version(1))
    wrong = auth_file(tmp_path, "not the password")
    for options in (DockerPlugin(socket=engine.url), DockerPlugin(socket=engine.url, docker_auth_file=str(wrong))):
        with opened(Maker(make_home(tmp_path / str(options.docker_auth_file is None), options=options))) as maker:
            said = maker.await_refusal(maker.machinetype(f"{JOB}:1"), "docker_auth_file")
            assert "pulling the image" in said
            assert "not the password" not in said + caplog.text


def test_the_sites_credentials_are_not_for_a_vacuum_pipes_machinetypes(maker: Maker, registry: Registry) -> None:
    registry.push("vo/job:1", version(1))
    own = maker.machinetype(f"{JOB}:1")
    maker.await_image(own)
    of_pipe = maker.machinetype(f"{JOB}:1", pipe="stranger")
    assert "pulling the image" in maker.await_refusal(of_pipe, "docker_auth_file")
    with pytest.raises(PluginError, match="pulling the image"):
        maker.create(of_pipe)


def test_a_machinetype_may_have_credentials_of_its_own(
    tmp_path: Path, engine: ContainerHost, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    registry.push("vo/job:1", version(1))
    with opened(Maker(make_home(tmp_path, options=DockerPlugin(socket=engine.url)))) as maker:
        of_type = maker.machinetype(f"{JOB}:1", docker_auth_file=str(auth_file(tmp_path)))
        maker.await_image(of_type)
        seen, details = maker.run(of_type)
    assert seen.exit_code == 0
    assert PASSWORD not in caplog.text + str(details)


@pytest.mark.parametrize(("rule", "gets"), [("always", 1), ("daily", 0), ("missing", 0)])
def test_an_image_that_changed_at_its_registry_is_taken_by_the_rule(
    maker: Maker, registry: Registry, rule: str, gets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vac_docker.freshness.ASKED_JUST_NOW_SECONDS", 0.0)
    digests = [registry.push("vo/job:1", version(1))]
    of_type = maker.machinetype(f"{JOB}:1", image_pull=rule)
    maker.await_image(of_type)
    assert maker.run(of_type)[1]["image_digest"] == digests[0]
    digests.append(push_again(registry))
    assert maker.run(of_type)[1]["image_digest"] == digests[gets]


def push_again(registry: Registry) -> str:
    """Put another image in the place of vo/job:1, from another engine's view: this engine's own names stay."""
    with client_of(registry.host) as client:
        before = client.inspect_image(f"{ADDRESS}/vo/job:1")["Id"]
        digest = registry.push("vo/job:1", version(2))
        client.tag(before, f"{ADDRESS}/vo/job", "1")
    return digest


def test_an_image_that_is_here_serves_while_its_registry_is_away_but_not_where_it_must_be_asked(
    maker: Maker, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vac_docker.freshness.ASKED_JUST_NOW_SECONDS", 0.0)
    registry.push("vo/job:1", version(1))
    daily, always = maker.machinetype(f"{JOB}:1"), maker.machinetype(f"{JOB}:1", image_pull="always")
    maker.await_image(daily)
    registry.end()
    assert maker.run(daily)[0].exit_code == 0
    with pytest.raises(PluginError, match="see that the registry runs"):
        maker.create(always)
    registry.begin()
    assert maker.run(always)[0].exit_code == 0


def test_an_image_that_the_engine_lost_is_pulled_again(maker: Maker, registry: Registry, engine: ContainerHost) -> None:
    registry.push("vo/job:1", version(1))
    of_type = maker.machinetype(f"{JOB}:1", image_pull="missing")
    maker.await_image(of_type)
    forget(maker, engine, f"{ADDRESS}/vo/job:1")
    assert maker.run(of_type)[0].exit_code == 0


def test_an_image_that_is_not_among_those_allowed_makes_no_machine(maker: Maker, registry: Registry) -> None:
    other = registry.push("vo/other:1", version(2))
    digest = registry.push("vo/job:1", version(1))
    allowed = maker.machinetype(f"{JOB}:1", image_digests_allowed=(digest,))
    maker.await_image(allowed)
    assert maker.run(allowed)[0].exit_code == 0
    not_allowed = maker.machinetype(f"{JOB}:1", image_digests_allowed=(other,))
    assert digest in maker.await_refusal(not_allowed, "not among image_digests_allowed")
    with pytest.raises(PluginError, match="not among image_digests_allowed"):
        maker.create(not_allowed)


@pytest.mark.parametrize(("name", "mend"), [("vo/none:1", "see that"), ("vo/job:none", "see that there is such a tag")])
def test_an_image_that_is_not_there_is_said_to_be_missing(
    maker: Maker, registry: Registry, name: str, mend: str
) -> None:
    registry.push("vo/job:1", version(1))
    said = maker.await_refusal(maker.machinetype(f"docker://{ADDRESS}/{name}"), "pulling the image")
    assert name in said
    assert mend in said
