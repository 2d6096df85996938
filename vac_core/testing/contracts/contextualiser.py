"""What every contextualiser keeps."""
# ruff: noqa: D102 - the names of the tests say what is kept

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import attrs
import pytest

from vac_core.config.schema import MachineType
from vac_core.interfaces import Context, ContextRequest, Contextualiser, MachineTypeError, PluginError
from vac_core.model import Health, Outcome
from vac_core.powers import LooksAhead, WatchesMachines
from vac_core.testing.makers import context_request, home, machine, machinetype


class ContextualiserContract:
    """Subclass it, and give it a fixture ``contextualiser`` and, where it fetches, what is served."""

    served: ClassVar[Mapping[str, bytes]] = {}
    """What ``fetch`` finds, by URL."""

    @pytest.fixture
    def contextualiser(self) -> Contextualiser:
        """The object under test, not started."""
        raise NotImplementedError("give the contract a fixture named contextualiser")

    def machinetype(self) -> MachineType:
        """A machinetype that suits it."""
        return machinetype()

    def bad_machinetype(self) -> MachineType | None:
        """A machinetype that it cannot make a context of; None where it can of each."""
        return machinetype(user_data=None)

    @pytest.fixture
    def started(self, contextualiser: Contextualiser, tmp_path: Path) -> Contextualiser:
        """The object, started."""
        contextualiser.start(home(tmp_path))
        return contextualiser

    def fetch(self, url: str) -> bytes:
        """Serve what is served."""
        if url not in self.served:
            raise PluginError(f"{url} answered 404: see that the address is right")
        return self.served[url]

    def request(self, of_type: MachineType | None = None) -> ContextRequest:
        """A request for a new machine."""
        return context_request(machine(), of_type or self.machinetype(), fetch=self.fetch)

    def test_it_has_a_name_and_speaks_of_its_health(self, started: Contextualiser) -> None:
        assert started.name
        assert isinstance(started.health(), Health)

    def test_it_finds_no_fault_with_a_machinetype_that_suits_it(self, started: Contextualiser) -> None:
        assert list(started.check(self.machinetype())) == []

    def test_what_is_missing_is_told_in_words(self, started: Contextualiser) -> None:
        if not isinstance(started, LooksAhead):
            pytest.skip("this contextualiser does not look ahead")
        assert list(started.missing(self.machinetype())) == []
        assert all(isinstance(one, str) and one for one in started.missing(self.bad_machinetype() or machinetype()))

    def test_a_context_is_of_the_machine_that_was_asked_for(self, started: Contextualiser) -> None:
        request = self.request()
        context = started.context(request)
        assert isinstance(context, Context)
        assert context.machine_id == request.machine.id
        assert context.hostname == request.machine.name

    def test_two_machines_have_contexts_of_their_own(self, started: Contextualiser) -> None:
        contexts = [started.context(self.request()) for _ in range(2)]
        assert contexts[0].machine_id != contexts[1].machine_id

    def test_the_same_request_has_the_same_machine_and_names(self, started: Contextualiser) -> None:
        request = self.request()
        one, other = started.context(request), started.context(request)
        assert (one.machine_id, one.hostname) == (other.machine_id, other.hostname)

    def test_user_data_is_octets_and_all_else_is_text(self, started: Contextualiser) -> None:
        context = started.context(self.request())
        assert isinstance(context.user_data, bytes)
        for mapping in (context.metadata, context.environment, context.details):
            assert all(isinstance(part, str) for pair in mapping.items() for part in pair)

    def test_files_have_absolute_paths_without_steps_up(self, started: Contextualiser) -> None:
        for file in started.context(self.request()).files:
            assert file.path.startswith("/")
            assert ".." not in Path(file.path).parts
            assert 0 <= file.mode <= 0o777

    def test_nothing_that_may_be_secret_is_shown_or_kept(self, started: Contextualiser) -> None:
        context = started.context(self.request())
        shown = f"{context!r} {context.details}"
        secrets = [file.content.decode("utf-8", "replace") for file in context.files]
        secrets += [context.user_data.decode("utf-8", "replace"), *context.environment.values()]
        assert [secret for secret in secrets if len(secret) > 8 and secret in shown] == []

    def test_a_context_that_is_to_be_published_can_be_had(self, started: Contextualiser) -> None:
        request = attrs.evolve(self.request(), with_secrets=False)
        many = attrs.evolve(request, machine=attrs.evolve(request.machine, id="", name=""))
        assert isinstance(started.context(request), Context)
        assert isinstance(started.context(many), Context)

    def test_what_it_says_of_a_machine_that_it_looks_at_is_a_shutdown_message(
        self, started: Contextualiser, tmp_path: Path
    ) -> None:
        if not isinstance(started, WatchesMachines):
            pytest.skip("this contextualiser does not watch its machines")
        (tmp_path / "m" / "joboutputs").mkdir(parents=True)
        request = self.request()
        own = attrs.evolve(request.machine, details=started.context(request).details)
        for one in (own, machine()):
            for ended in (False, True):
                said = started.look(one, tmp_path / "m", ended=ended)
                assert said == "" or Outcome.from_shutdown_message(said).code is not None

    def test_a_bad_machinetype_is_said_to_be_at_fault(self, started: Contextualiser) -> None:
        bad = self.bad_machinetype()
        if bad is None:
            pytest.skip("this contextualiser makes a context of any machinetype")
        with pytest.raises(MachineTypeError, match=bad.name):
            started.context(self.request(bad))

    def test_what_cannot_be_fetched_is_an_error_that_the_factory_contains(self, started: Contextualiser) -> None:
        def fails(url: str) -> bytes:
            raise PluginError(f"{url} did not answer")

        asked = attrs.evolve(self.request(), fetch=fails)
        if not self.served:
            assert started.context(asked).machine_id == asked.machine.id
            return
        with pytest.raises(PluginError):
            started.context(asked)
