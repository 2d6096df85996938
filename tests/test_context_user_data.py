"""The contextualiser ``user_data``: from a template at a URL or in the site's files to a machine's context."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import ClassVar

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vac_core.builtin.user_data import UserData, public_keys, vac_contextualisers
from vac_core.fetch import fetch
from vac_core.interfaces import MachineTypeError, PluginError, Urls
from vac_core.testing import context_request, home, machine, machinetype, settings
from vac_core.testing.contracts import ContextualiserContract

URLS = Urls(machinefeatures="http://h/m", jobfeatures="http://h/j", joboutputs="http://h/o")
TEMPLATE = b"# ##user_data_manager_hostname## ##user_data_option_queue##\ncurl ##user_data_joboutputs_url##\n"


class TestUserDataContract(ContextualiserContract):
    served: ClassVar = {"https://vo.example.org/ud": TEMPLATE}

    @pytest.fixture
    def contextualiser(self):
        return UserData()

    def machinetype(self):
        return machinetype(user_data="https://vo.example.org/ud")


@pytest.fixture
def contextualiser(tmp_path):
    [one] = vac_contextualisers()
    one.start(home(tmp_path, factory="wn01.example.org"))
    return one


@pytest.fixture
def files(tmp_path):
    directory = tmp_path / "files"
    directory.mkdir()
    (directory / "user_data").write_bytes(TEMPLATE)
    return directory


def of_type(files, **changes):
    return machinetype("lhcb", **{"files_dir": str(files), "user_data": "user_data", **changes})


def asked(one, **changes):
    of_settings = changes.pop("of_settings", settings(root_public_key="/nonexistent"))
    return context_request(machine(0), one, settings=of_settings, urls=URLS, **changes)


def test_a_template_of_the_site_is_filled_in(contextualiser, files):
    request = asked(of_type(files, user_data_option={"queue": "long"}))
    made = contextualiser.context(request)
    assert made.user_data == b"# wn01.example.org long\ncurl http://h/o\n"
    assert (made.machine_id, made.hostname) == (request.machine.id, request.machine.name)
    assert made.machinefeatures == request.features.machinefeatures
    assert made.jobfeatures == request.features.jobfeatures
    assert made.environment == {
        "MACHINEFEATURES": "http://h/m",
        "JOBFEATURES": "http://h/j",
        "JOBOUTPUTS": "http://h/o",
    }
    assert made.metadata["joboutputs"] == "http://h/o"
    assert made.details == {"user_data_template_sha256": hashlib.sha256(TEMPLATE).hexdigest()}


def test_a_template_at_a_url_is_fetched_for_each_machine(contextualiser, files):
    fetched = []

    def answer(url):
        fetched.append(url)
        return b"[##user_data_url##]"

    request = asked(of_type(files, user_data="https://vo.example.org/ud"), fetch=answer)
    for _ in range(2):
        assert contextualiser.context(request).user_data == b"[https://vo.example.org/ud]"
    assert fetched == ["https://vo.example.org/ud"] * 2


def test_the_content_of_files_stands_for_options(contextualiser, files, tmp_path):
    (files / "user_data").write_bytes(b"##user_data_option_cert##|##user_data_option_common##")
    (files / "cert.pem").write_bytes(b"PEM \xff\n")
    (tmp_path / "common").write_bytes(b"of the site")
    request = asked(
        of_type(files, user_data_file={"cert": "cert.pem"}),
        of_settings=settings(user_data_file={"common": str(tmp_path / "common")}),
    )
    assert contextualiser.context(request).user_data == b"PEM \xff\n|of the site"


def test_without_user_data_the_machinetype_is_at_fault(contextualiser, files):
    with pytest.raises(MachineTypeError, match="machinetype lhcb has no user_data: set user_data to a URL"):
        contextualiser.context(asked(of_type(files, user_data=None)))


@pytest.mark.asyncio
async def test_a_template_that_answers_404_is_an_error_and_never_user_data(contextualiser, files):
    async with TestServer(web.Application()) as server:
        request = asked(
            of_type(files, user_data=str(server.make_url("/ud"))),
            fetch=lambda url: fetch(url, deadline_seconds=10.0, max_bytes=1000).body,
        )
        with pytest.raises(PluginError, match="404") as raised:
            await asyncio.to_thread(contextualiser.context, request)
    assert not isinstance(raised.value, MachineTypeError)  # the VO may mend it: it is tried again


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory|not a plain file"),
        (os.mkfifo, "not a plain file"),
        (lambda path: path.write_bytes(b"x" * (1048576 + 1)), "larger than 1048576 octets"),
    ],
    ids=["missing", "directory", "pipe", "huge"],
)
def test_a_file_that_cannot_be_used_is_told_with_its_option(contextualiser, files, make, complaint):
    make(files / "part")
    request = asked(of_type(files, user_data_file={"x": "part"}), of_settings=settings(fetch_max_mb=1))
    with pytest.raises(PluginError, match=f"machinetype lhcb, user_data_file_x: .*part.*({complaint})") as raised:
        contextualiser.context(request)
    assert not isinstance(raised.value, MachineTypeError)


@pytest.mark.parametrize("named", ["../../etc/shadow", "a/../../b", ".."])
def test_a_name_that_climbs_out_of_the_files_is_the_machinetype_s_fault(contextualiser, files, named):
    one = of_type(files, user_data_file={"x": named})
    with pytest.raises(MachineTypeError, match=r"may not hold '\.\.'"):
        contextualiser.context(asked(one))
    assert [problem for problem in contextualiser.check(one) if problem.startswith("user_data_file_x:")]


def test_what_can_be_known_beforehand_is_told_beforehand(contextualiser, files):
    assert contextualiser.check(of_type(files)) == []
    assert contextualiser.check(of_type(files, user_data="https://vo.example.org/ud", files_dir="")) == []
    [missing] = contextualiser.check(of_type(files, user_data=None))
    assert "no user_data" in missing
    [relative] = contextualiser.check(of_type(files, files_dir=""))
    assert relative.startswith("user_data: 'user_data' is a relative name")
    [proxy] = contextualiser.check(of_type(files, user_data_proxy="yes"))
    assert "set contextualiser = grid" in proxy


def test_files_that_are_not_there_are_missed_and_not_faults(contextualiser, files):
    assert contextualiser.missing(of_type(files)) == []
    assert contextualiser.missing(of_type(files, user_data="https://vo.example.org/ud")) == []
    one = of_type(files, user_data_file={"cert": "cert.pem", "key": "../key.pem"})
    [missing] = contextualiser.missing(one)
    assert missing.startswith(f"user_data_file_cert: {files}/cert.pem cannot be read: No such file")
    assert [problem.partition(":")[0] for problem in contextualiser.check(one)] == ["user_data_file_key"]
    (files / "cert.pem").mkdir()
    assert len(contextualiser.missing(one)) == 1


def test_root_s_public_keys_come_from_a_file_and_private_ones_never_do(contextualiser, files, tmp_path):
    path = tmp_path / "id.pub"
    path.write_text(
        "# ours\nssh-ed25519 AAAA root@wn01\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\necdsa-sha2-nistp256 B x\n"
    )
    expected = ("ssh-ed25519 AAAA root@wn01", "ecdsa-sha2-nistp256 B x")
    made = contextualiser.context(asked(of_type(files), of_settings=settings(root_public_key=str(path))))
    assert made.public_keys == expected
    assert public_keys(tmp_path / "none") == public_keys(tmp_path) == ()


def test_the_repr_of_a_context_shows_no_secret(contextualiser, files):
    made = contextualiser.context(asked(of_type(files, user_data_option={"queue": "s3cret"})))
    assert b"s3cret" in made.user_data
    assert "s3cret" not in repr(made)


def test_before_it_is_started_the_settings_name_the_factory(files):
    request = asked(of_type(files))
    named = attrs.evolve(request, settings=settings(factory_name="wn09.example.org"))
    assert b"wn09.example.org" in UserData().context(named).user_data
