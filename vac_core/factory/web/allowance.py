"""How often each of many askers may ask: a bucket of tokens for each, which fills again with time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import attrs


@attrs.frozen
class _Bucket:
    tokens: float
    filled: float


class Allowance:
    """Lets each asker ask ``burst`` times at once and ``per_second`` times a second in the long run.

    It remembers the ``most`` askers that asked last, so that a flood of made-up ones costs no more memory than that.
    """

    def __init__(self, *, per_second: float, burst: int, most: int = 4096) -> None:
        self._per_second = per_second
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, asker: Hashable, now: float) -> bool:
        """Whether ``asker`` may ask at ``now``, seconds of a clock that only goes forward; counts as having asked."""
        before = self._buckets.pop(asker, _Bucket(self._burst, now))
        tokens = min(self._burst, before.tokens + (now - before.filled) * self._per_second)
        allowed = tokens >= 1.0
        self._buckets[asker] = _Bucket(tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return allowed
