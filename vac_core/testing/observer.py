"""An observer that remembers, and can be made to fail."""

from __future__ import annotations

from vac_core.interfaces import Observer, PluginError
from vac_core.model import Event


class FakeObserver(Observer):
    """Keeps the events it is told of."""

    def __init__(self, *, name: str = "fake") -> None:
        self.name = name
        self.events: list[Event] = []
        self.failures = 0
        """How many more times it raises before it takes an event."""

    def observe(self, event: Event) -> None:
        """Remember the event, or fail."""
        if self.failures > 0:
            self.failures -= 1
            raise PluginError(
                f"the observer {self.name} fails, as its test wants: event {event.seq} is to be told again"
            )
        self.events.append(event)
