"""Counters of a server in Prometheus' text format (version 0.0.4): no texts, no addresses."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ITEMS = (1, 2, 4, 8, 16, 32, 64)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Histogram:
    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        yield f"# TYPE {name} histogram"
        total = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._sum}"
        yield f"{name}_count {total}"


class Metrics:
    """What a server counts since its start."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds = _Histogram(_SECONDS)
        self._batches = _Histogram(_ITEMS)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request.

        Args:
            route: the path as the server declares it, never as a client wrote it.
        """
        self._requests[route, status] += 1
        self._seconds.add(seconds)

    def batch(self, items: int) -> None:
        """Count a batch."""
        self._batches.add(items)

    def text(self, waiting: int) -> str:
        """All counters as Prometheus reads them.

        Args:
            waiting: texts that wait to be translated.
        """
        lines = ["# TYPE jsl_requests_total counter"]
        lines += [
            f'jsl_requests_total{{route="{route}",status="{status}"}} {count}'
            for (route, status), count in sorted(self._requests.items())
        ]
        lines += self._seconds.lines("jsl_request_duration_seconds")
        lines += self._batches.lines("jsl_batch_items")
        lines += ["# TYPE jsl_queue_items gauge", f"jsl_queue_items {waiting}"]
        return "\n".join(lines) + "\n"
