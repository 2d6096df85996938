"""A contextualiser that always has something to say, until a test wants it otherwise."""

from __future__ import annotations

from collections.abc import Callable

from vac_core.interfaces import Context, ContextRequest, Contextualiser, MachineTypeError
from vac_core.testing.makers import SHELL_USER_DATA


class FakeContextualiser(Contextualiser):
    """Gives each machine the same user_data; a machinetype without ``user_data`` is at fault, as in the real ones."""

    def __init__(self, user_data: bytes = SHELL_USER_DATA, *, name: str = "user_data") -> None:
        self.name = name
        self.user_data = user_data
        self.requests: list[ContextRequest] = []
        """What it was asked, in order."""
        self.refuse: Callable[[ContextRequest], Exception | None] = lambda _request: None
        """What it raises for a request, if anything."""

    def context(self, request: ContextRequest) -> Context:
        """Make a context from the request alone."""
        self.requests.append(request)
        problem = self.refuse(request)
        if problem is not None:
            raise problem
        if request.machinetype.user_data is None:
            raise MachineTypeError(f"machinetype {request.machinetype.name} has no user_data: give it a URL or a file")
        return request.answer(self.user_data)
