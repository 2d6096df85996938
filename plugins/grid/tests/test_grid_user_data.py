"""The contextualiser ``grid``: Vac 3's option user_data_proxy, and what is said when a certificate will not do."""

from __future__ import annotations

from typing import ClassVar

import pytest
from certificates import Authority
from cryptography import x509
from vac_grid import vac_contextualisers
from vac_grid.proxy import is_limited
from vac_grid.user_data import GridUserData

from vac_core.interfaces import MachineTypeError, PluginError
from vac_core.powers import HasResources, LooksAhead
from vac_core.testing import context_request, home, machine, machinetype
from vac_core.testing.contracts import ContextualiserContract

DAY = 86400.0
TEMPLATE = b"cat > x509proxy.pem <<X5\n##user_data_option_x509_proxy##X5\n"


@pytest.fixture(scope="module")
def issued():
    return Authority().issue("vm.example.org", days=30)


@pytest.fixture
def now(issued):
    """Thirty days before the certificate expires."""
    return issued.certificate.not_valid_after_utc.timestamp() - 30 * DAY


@pytest.fixture
def files(issued, tmp_path):
    directory = tmp_path / "files"
    directory.mkdir()
    (directory / "user_data").write_bytes(TEMPLATE)
    issued.write(directory)
    return directory


@pytest.fixture
def contextualiser(tmp_path, now):
    one = GridUserData(clock=lambda: now)
    one.start(home(tmp_path))
    return one


def of_type(files, **changes):
    return machinetype(**{"files_dir": str(files), "user_data": "user_data", "user_data_proxy": "yes", **changes})


class TestGridContract(ContextualiserContract):
    served: ClassVar = {"https://vo.example.org/ud": TEMPLATE}

    @pytest.fixture
    def contextualiser(self):
        [one] = vac_contextualisers()
        return one

    def machinetype(self):
        return machinetype(user_data="https://vo.example.org/ud")


def proxy_of(contextualiser, one, now, life=DAY):
    asked = context_request(machine(created=now, shutdown_time=now + life), one)
    return x509.load_pem_x509_certificate(contextualiser.context(asked).user_data)


def test_each_machine_has_a_proxy_until_its_own_end(contextualiser, files, now):
    proxy = proxy_of(contextualiser, of_type(files), now)
    assert is_limited(proxy)
    assert proxy.subject.rfc4514_string().startswith("CN=lhcb,CN=vm.example.org")
    assert proxy.not_valid_after_utc.timestamp() == int(now + DAY)


def test_a_proxy_may_be_of_the_old_form(contextualiser, files, now):
    proxy = proxy_of(contextualiser, of_type(files, legacy_proxy=True), now)
    assert proxy.subject.rfc4514_string().startswith("CN=limited proxy,")


def test_a_name_picks_another_pair(contextualiser, files, now):
    Authority().issue("other.example.org", days=60).write(files, "other")
    assert (
        "other.example.org"
        in proxy_of(contextualiser, of_type(files, user_data_proxy="other"), now).subject.rfc4514_string()
    )


def test_without_the_option_there_is_no_proxy(contextualiser, files):
    context = contextualiser.context(context_request(machine(), of_type(files, user_data_proxy=None)))
    assert context.user_data == b"cat > x509proxy.pem <<X5\nX5\n"


def test_the_option_is_no_fault_here(contextualiser, files):
    assert list(contextualiser.check(of_type(files))) == []


def test_a_machinetype_without_files_is_at_fault(contextualiser):
    one = machinetype(user_data_proxy="yes", user_data="https://vo.example.org/ud")
    assert "the machinetype has no files" in "".join(contextualiser.check(one))
    with pytest.raises(MachineTypeError, match=r"machinetype lhcb, user_data_proxy"):
        contextualiser.context(context_request(machine(), one, fetch=lambda _url: TEMPLATE))


def test_a_certificate_that_is_not_there_yet_is_no_fault_for_good(contextualiser, files):
    (files / "x509key.pem").unlink()
    with pytest.raises(PluginError, match=r"x509key\.pem cannot be read") as raised:
        contextualiser.context(context_request(machine(), of_type(files)))
    assert not isinstance(raised.value, MachineTypeError)


class TestTheCertificateExpires:
    @pytest.fixture
    def seen_at(self, contextualiser, files, now):
        """What is refused, and what warned of, so many days from now."""
        assert isinstance(contextualiser, HasResources)
        assert isinstance(contextualiser, LooksAhead)
        one = of_type(files, max_wallclock_seconds=2 * int(DAY))

        def seen(days):
            contextualiser._clock = lambda: now + days * DAY
            return contextualiser.resources([one]).refusals, list(contextualiser.missing(one))

        return seen

    def test_nothing_is_said_long_before(self, seen_at):
        assert seen_at(0) == ({}, [])

    def test_it_is_warned_of_days_before(self, seen_at):
        refused, warned = seen_at(25)
        assert refused == {}
        assert "no machine can be made from 3.0 days on: renew it" in warned[0]

    def test_machines_that_would_outlive_it_are_refused(self, seen_at):
        refused, warned = seen_at(28.5)
        assert "x509cert.pem expires at" in refused["lhcb"]
        assert "a machine needs it for 172800 s: renew it" in refused["lhcb"]
        assert warned == [refused["lhcb"]]

    def test_afterwards_it_has_expired(self, seen_at):
        assert "x509cert.pem expired at" in seen_at(31)[0]["lhcb"]
