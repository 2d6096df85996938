"""Contexts of all eras and for all sorts of machines, against what their readers demand."""

from __future__ import annotations

import ast
import base64
import email
import gzip
import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import attrs
import pytest
from certificates import Authority
from engines import missing
from vac_lhcb import vac_contextualisers
from vac_lhcb.context import LhcbContextualiser
from vac_lhcb.diracx_access import LhcbPlugin
from vac_lhcb.options import LhcbMachine
from vac_lhcb.script import inside

from vac_core.interfaces import MachineTypeError, PluginError, Urls
from vac_core.testing import context_request, home, machine, machinetype, settings
from vac_core.testing.contracts import ContextualiserContract

GOLDEN = Path(__file__).parent / "golden"
SITE = "VAC.Example.uk"
HTTP = Urls(
    machinefeatures="http://192.0.2.1/machinefeatures",
    jobfeatures="http://192.0.2.1/jobfeatures",
    joboutputs="http://192.0.2.1/joboutputs",
)
DAY = 86400.0


@pytest.fixture(scope="module")
def issued():
    return Authority().issue("vm.example.org", days=100)


@pytest.fixture
def files(issued, tmp_path):
    directory = tmp_path / "files"
    directory.mkdir()
    issued.write(directory)
    return directory


@pytest.fixture
def now(issued):
    return issued.certificate.not_valid_after_utc.timestamp() - 100 * DAY


@pytest.fixture
def contextualiser(tmp_path, now):
    one = LhcbContextualiser(clock=lambda: now)
    one.start(home(tmp_path / "home"))
    return one


def of_type(files, model="vm-raw", options=None, **changes):
    given = {"dirac_site": SITE, **(options or {})}
    return machinetype(
        machine_model=model,
        files_dir=str(files),
        heartbeat_file="heartbeat",
        plugin_options={"lhcb": LhcbMachine(**given)},
        **changes,
    )


def asked(of_type, now, urls=HTTP):
    one = machine(id=str(uuid.UUID(int=5)), created=now, shutdown_time=now + DAY)
    return context_request(one, of_type, urls=urls, settings=settings(root_public_key="/nonexistent"))


def ran(*words, **where):
    return subprocess.run(words, capture_output=True, text=True, check=False, **where)


class TestLhcbContract(ContextualiserContract):
    @pytest.fixture
    def contextualiser(self):
        [one] = vac_contextualisers()
        return one

    def machinetype(self):
        options = LhcbMachine(dirac_site=SITE, dirac_credential="none")
        return machinetype(machine_model="vm-raw", plugin_options={"lhcb": options})

    def bad_machinetype(self):
        return machinetype()


def files_of(user_data):
    """The files that a cloud-config writes, by path."""
    written = json.loads(user_data.partition(b"\n")[2])["write_files"]
    return {one["path"]: (one["permissions"], gzip.decompress(base64.b64decode(one["content"]))) for one in written}


class TestVirtualMachine:
    @pytest.fixture
    def user_data(self, contextualiser, files, now):
        return contextualiser.context(asked(of_type(files), now)).user_data

    def test_cloud_init_s_own_schema_accepts_it(self, user_data, tmp_path):
        if shutil.which("cloud-init") is None:
            missing("cloud-init is not installed")
        (tmp_path / "user-data").write_bytes(user_data)
        done = ran("cloud-init", "schema", "--config-file", str(tmp_path / "user-data"))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Valid cloud-config" in done.stdout

    def test_secrets_are_for_root_alone(self, user_data):
        mode, proxy = files_of(user_data)["/etc/vac-lhcb/x509proxy.pem"]
        assert mode == "0600"
        assert b"BEGIN RSA PRIVATE KEY" in proxy

    def test_it_brings_all_that_runs_inside(self, user_data, tmp_path):
        place = tmp_path / "place"
        for path, (_, content) in files_of(user_data).items():
            if path.startswith("/usr/local/libexec/vac-lhcb/inside/"):
                target = place / "inside" / Path(path).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        done = ran(sys.executable, "-m", "inside", "gone.json", cwd=place)
        assert "No such file or directory: 'gone.json'" in done.stderr

    def test_its_settings_are_the_golden_ones(self, user_data):
        assert golden("vm.json", files_of(user_data)["/etc/vac-lhcb/settings.json"][1])

    def test_cvmfs_finds_its_proxies_by_itself_unless_told(self, contextualiser, files, now):
        def local(**changes):
            context = contextualiser.context(asked(of_type(files, **changes), now))
            return files_of(context.user_data)["/etc/cvmfs/default.local"][1].decode()

        assert "CVMFS_HTTP_PROXY='auto;DIRECT'" in local()
        assert "CVMFS_HTTP_PROXY='http://squid:3128'" in local(options={"dirac_cvmfs_proxy": "http://squid:3128"})
        assert "CVMFS_HTTP_PROXY='http://old:3128'" in local(user_data_option={"cvmfs_proxy": "http://old:3128"})
        assert "CVMFS_REPOSITORIES='lhcb.cern.ch'" in local(cvmfs_repositories=("lhcb.cern.ch",))

    def test_it_has_no_files_beside(self, contextualiser, files, now):
        assert contextualiser.context(asked(of_type(files), now)).files == ()


PATHS = Urls(machinefeatures="/etc/machinefeatures", jobfeatures="/etc/jobfeatures", joboutputs="/var/spool/joboutputs")


@pytest.mark.parametrize(("model", "scheme"), [("docker", "dc"), ("apptainer", "sc")])
class TestContainer:
    def test_its_secrets_are_files_that_its_root_alone_can_read(self, contextualiser, files, now, model, scheme):
        context = contextualiser.context(asked(of_type(files, model), now, PATHS))
        [proxy] = context.files
        assert (proxy.path, proxy.mode) == ("/etc/vac-lhcb/x509proxy.pem", 0o600)
        assert b"PRIVATE KEY" not in context.user_data

    def test_its_program_is_one_that_shells_and_shellcheck_accept(
        self, contextualiser, files, now, model, scheme, tmp_path
    ):
        if shutil.which("shellcheck") is None:
            missing("shellcheck is not installed")
        program = tmp_path / "user_data"
        program.write_bytes(contextualiser.context(asked(of_type(files, model), now, PATHS)).user_data)
        for shell in (["dash", "-n"], ["bash", "-n"], ["shellcheck"]):
            done = ran(*shell, str(program))
            assert (done.returncode, done.stdout) == (0, "")

    def test_its_settings_are_the_golden_ones(self, contextualiser, files, now, model, scheme):
        user_data = contextualiser.context(asked(of_type(files, model), now, PATHS)).user_data.decode()
        found = user_data.partition("settings.json\" <<'END_OF_FILE'\n")[2].partition("END_OF_FILE")[0]
        assert json.loads(found)["scheme"] == scheme
        assert golden(f"{model}.json", found.encode())


class TestLegacy:
    @pytest.fixture
    def parts(self, contextualiser, files, now):
        one = of_type(
            files,
            "cernvm4",
            {"dirac_era": "legacy", "dirac_ce_type": "Sudo", "dirac_submit_pool": "Test", "dirac_max_cycles": 1},
            user_data_option={"cvmfs_proxy": "http://squid:3128", "dirac_opts": "--debug -o /X/Y=1"},
        )
        whole = email.message_from_bytes(contextualiser.context(asked(one, now)).user_data)
        return {part.get_content_type(): part.get_payload() for part in whole.get_payload()}

    def test_each_of_cernvm_s_readers_finds_its_part(self, parts):
        assert list(parts) == ["text/cloud-config", "text/ucernvm", "text/x-shellscript"]
        assert "cvmfs_http_proxy='http://squid:3128'" in parts["text/ucernvm"]
        assert "CVMFS_HTTP_PROXY: http://squid:3128" in parts["text/cloud-config"]

    def test_its_script_is_one_that_bash_and_shellcheck_accept(self, parts, tmp_path):
        if shutil.which("shellcheck") is None:
            missing("shellcheck is not installed")
        (tmp_path / "script").write_text(parts["text/x-shellscript"])
        subprocess.run(["bash", "-n", str(tmp_path / "script")], check=True)
        done = ran("shellcheck", "-S", "warning", str(tmp_path / "script"))
        assert done.stdout == ""

    def test_all_its_patterns_are_filled_in(self, parts):
        assert "##user_data" not in "".join(parts.values())

    def test_it_has_the_machine_s_proxy(self, parts):
        assert "BEGIN RSA PRIVATE KEY" in parts["text/x-shellscript"]

    def test_its_pilot_is_called_as_then(self, parts):
        called = parts["text/x-shellscript"].partition("done <<'END_OF_VAC_LHCB'\n")[2]
        words = called.partition("\nEND_OF")[0].splitlines()
        assert words[-3:] == ["--debug", "-o", "/X/Y=1"]
        assert words[words.index("--CEType") + 1] == "Sudo"
        assert words[words.index("--MaxCycles") + 1] == "1"
        assert "/LocalSite/SubmitPool=Test" in words
        assert "--cert" in words

    def test_its_steps_come_in_the_order_of_then(self, parts):
        steps = (
            "hostname", "public-keys", "MACHINEFEATURES=", "VM_UUID=", "power.sh", "ethtool", "--dport 25", "mkfs.ext4",
            "x509proxy.pem", "vac-heartbeat", "swapon", "sudoers.d", "dirac-pilot.py", "shutdown_message ]",
        )  # fmt: skip
        script = parts["text/x-shellscript"]
        places = [script.index(step) for step in steps]
        assert places == sorted(places)

    def test_it_is_for_machines_that_boot(self, contextualiser, files):
        one = of_type(files, "docker", {"dirac_era": "legacy"})
        assert "dirac_era: legacy is for machines that boot CernVM" in "".join(contextualiser.check(one))


def test_a_template_of_the_vo_s_own_works_as_it_is(contextualiser, files, now):
    template = b"#!/bin/sh\n# ##user_data_space## ##user_data_uuid##\ncat <<E\n##user_data_option_x509_proxy##E\n"
    url = "https://vo.example.org/ud"
    one = of_type(files, options={"dirac_era": "template"}, user_data=url, user_data_proxy="yes")
    request = attrs.evolve(asked(one, now), fetch=lambda _url: template)
    context = contextualiser.context(request)
    assert f"# vac01.example.org {request.machine.id}".encode() in context.user_data
    assert b"BEGIN RSA PRIVATE KEY" in context.user_data


class TestBadOptions:
    def test_without_a_site_s_name_nothing_is_made(self, contextualiser, files, now):
        one = of_type(files, options={"dirac_site": None})
        assert "has no dirac_site: set dirac_site" in "".join(contextualiser.check(one))
        with pytest.raises(MachineTypeError, match="has no dirac_site"):
            contextualiser.context(asked(one, now))

    def test_a_certificate_that_is_not_there_yet_is_no_fault_for_good(self, contextualiser, files, now):
        (files / "x509cert.pem").unlink()
        with pytest.raises(PluginError, match=r"dirac_cert: .*x509cert\.pem cannot be read") as raised:
            contextualiser.context(asked(of_type(files), now))
        assert not isinstance(raised.value, MachineTypeError)

    @pytest.mark.parametrize("credential", ["proxy", "hostcert"])
    def test_a_certificate_that_expires_too_early_refuses_its_machinetype(self, contextualiser, files, now, credential):
        one = of_type(files, options={"dirac_credential": credential})
        assert contextualiser.resources([one]).refusals == {}
        contextualiser._clock = lambda: now + 99.5 * DAY
        assert "renew it" in contextualiser.resources([one]).refusals["lhcb"]
        assert "renew it" in "".join(contextualiser.missing(one))

    def test_no_credential_is_no_trouble(self, contextualiser, tmp_path):
        one = of_type(tmp_path, options={"dirac_credential": "none"})
        assert (list(contextualiser.missing(one)), contextualiser.resources([one]).refusals) == ([], {})


class TestPilotFromFactory:
    PUBLISHED = {"checksums.sha512": b"sums", "pilot.json": b"{}", "pilot.tar": b"\0\xfftar"}  # noqa: RUF012 - never changed

    def asked(self, files, now, model, urls=("https://gone.example.org", "https://vo.example.org/p"), fetch=None):
        one = of_type(files, model, options={"dirac_pilot_fetch": "factory", "dirac_pilot_urls": urls})
        return attrs.evolve(asked(one, now, HTTP if model == "vm-raw" else PATHS), fetch=fetch or self.fetch)

    def fetch(self, url):
        place, _, name = url.rpartition("/")
        if place != "https://vo.example.org/p":
            raise PluginError(f"{url}: there is no such host")
        return self.PUBLISHED[name]

    def test_a_virtual_machine_has_the_files_beside_its_settings(self, contextualiser, files, now):
        written = files_of(contextualiser.context(self.asked(files, now, "vm-raw")).user_data)
        found = {name: written[f"/etc/vac-lhcb/{name}"] for name in self.PUBLISHED}
        assert found == {name: ("0644", content) for name, content in self.PUBLISHED.items()}
        assert json.loads(written["/etc/vac-lhcb/settings.json"][1])["pilot_urls"] == []

    def test_a_container_has_them_as_files(self, contextualiser, files, now):
        context = contextualiser.context(self.asked(files, now, "docker"))
        found = {file.path: file.content for file in context.files if file.mode == 0o644}
        assert found == {f"/etc/vac-lhcb/{name}": content for name, content in self.PUBLISHED.items()}

    def test_where_no_place_has_them_no_machine_is_made_and_each_is_told(self, contextualiser, files, now):
        request = self.asked(files, now, "docker", urls=("https://a.example.org", "https://b.example.org"))
        with pytest.raises(
            PluginError, match=r"cannot be had: https://a\.example\.org.*; https://b\.example\.org"
        ) as raised:
            contextualiser.context(request)
        assert not isinstance(raised.value, MachineTypeError)

    def test_the_factory_reads_none_of_the_host_s_files(self, contextualiser, files, now):
        seen = []
        request = self.asked(
            files, now, "docker", ("file:///etc/shadow", "https://vo.example.org/p"), fetch=seen.append
        )
        contextualiser.context(request)
        assert seen == [f"https://vo.example.org/p/{name}" for name in self.PUBLISHED]
        alone = of_type(files, options={"dirac_pilot_fetch": "factory", "dirac_pilot_urls": ("file:///etc/shadow",)})
        assert "http:// or https:// only" in "".join(contextualiser.check(alone))

    def test_the_era_legacy_has_none_of_it(self, contextualiser, files):
        one = of_type(files, options={"dirac_pilot_fetch": "factory", "dirac_era": "legacy"})
        assert "dirac_pilot_fetch: machines of the era legacy" in "".join(contextualiser.check(one))


SECRET = b"0123456789abcdef0123456789abcdef"


class TestPilotSecret:
    """The experiment of DiracX's secret for pilots that nobody sent."""

    @pytest.fixture
    def path(self, files):
        one = files / "pilot-secret"
        one.write_bytes(SECRET + b"\n")
        one.chmod(0o600)
        return one

    def test_a_virtual_machine_has_it_for_root_alone(self, contextualiser, files, now, path):
        one = of_type(files, options={"diracx_pilot_secret_file": path.name})
        written = files_of(contextualiser.context(asked(one, now)).user_data)
        assert written["/etc/vac-lhcb/diracx-pilot-secret"] == ("0600", SECRET)
        told = json.loads(written["/etc/vac-lhcb/settings.json"][1])
        assert told["credentials"] == ["x509proxy.pem", "diracx-pilot-secret"]
        assert "DIRACX_URL" not in told["environment"]

    def test_it_is_told_where_diracx_is(self, files, now, path, tmp_path):
        plugin = LhcbPlugin(diracx_url="https://diracx.example.org")
        maker = LhcbContextualiser(clock=lambda: now)
        maker.start(home(tmp_path / "other", options=plugin))
        one = of_type(files, options={"diracx_pilot_secret_file": path.name})
        written = files_of(maker.context(asked(one, now)).user_data)
        told = json.loads(written["/etc/vac-lhcb/settings.json"][1])
        assert told["environment"]["DIRACX_URL"] == "https://diracx.example.org"

    def test_a_container_has_it_as_a_file_and_not_in_its_program(self, contextualiser, files, now, path):
        one = of_type(files, model="docker", options={"diracx_pilot_secret_file": path.name})
        context = contextualiser.context(asked(one, now, PATHS))
        [found] = [file for file in context.files if file.path == "/etc/vac-lhcb/diracx-pilot-secret"]
        assert (found.content, found.mode) == (SECRET, 0o600)
        assert SECRET not in context.user_data
        assert SECRET.decode() not in repr(context)

    def test_it_is_left_out_of_what_is_shown(self, contextualiser, files, now, path):
        one = of_type(files, options={"diracx_pilot_secret_file": path.name})
        shown = contextualiser.context(attrs.evolve(asked(one, now), with_secrets=False)).user_data
        assert "/etc/vac-lhcb/diracx-pilot-secret" not in files_of(shown)

    @pytest.mark.parametrize(
        ("content", "mode", "says"),
        [
            (SECRET, 0o640, "can be read by others (mode 0640): chmod 0600"),
            (b"short", 0o600, "holds no secret"),
            (b"x" * 5000, 0o600, "holds no secret"),
            (SECRET + b" " + SECRET, 0o600, "holds no secret"),
            (SECRET + b"\n" + SECRET, 0o600, "holds no secret"),
            (None, 0o600, "cannot be read"),
        ],
    )
    def test_one_that_is_bad_refuses_its_machinetype_and_is_not_shown(
        self, contextualiser, files, now, path, content, mode, says
    ):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
            path.chmod(mode)
        one = of_type(files, options={"diracx_pilot_secret_file": path.name})
        told = [contextualiser.resources([one]).refusals["lhcb"], *contextualiser.missing(one)]
        with pytest.raises(PluginError) as raised:
            contextualiser.context(asked(one, now))
        for text in (*told, str(raised.value)):
            assert f"diracx_pilot_secret_file: {path}" in text
            assert says in text
            assert "dirac_cert" not in text
            assert not content or content.decode() not in text

    def test_pilots_of_the_era_legacy_have_none(self, contextualiser, files, path):
        one = of_type(files, options={"dirac_era": "legacy", "diracx_pilot_secret_file": path.name})
        assert "diracx_pilot_secret_file: pilots of the era legacy" in "".join(contextualiser.check(one))


@pytest.mark.parametrize("name", [name for name in inside() if name.endswith(".py")])
def test_what_runs_inside_is_for_the_pythons_that_guests_have(name):
    ast.parse(inside()[name], feature_version=(3, 6))


def golden(name, content):
    """Whether content is that of a golden file; it is written where it is not there, for a person to look at."""
    path = GOLDEN / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        pytest.fail(f"{path} was not there: it is now; look at it and commit it")
    return path.read_bytes() == content
