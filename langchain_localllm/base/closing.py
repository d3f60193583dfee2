"""Close objects that hold connections or memory, at the end of `with` and `async with`."""

from types import TracebackType
from typing import Self


class Closing:
    """Close an object at the end of a `with` or `async with` block."""

    def close(self) -> None:
        """Close what the object holds."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close what the object holds, without blocking the event loop."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
