"""Send batches of texts to a server."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import override

from langchain_localllm.base.embedding_batches import Plan, T
from langchain_localllm.base.http import ServerOptions
from langchain_localllm.base.option_roles import NotSent, SpeedsUp
from langchain_localllm.base.text_batches import TextBatches


class ServedBatches(ServerOptions, TextBatches):
    """Batches over HTTP: some at a time, so that the server works while an answer is read."""

    max_concurrency: Annotated[int, NotSent, SpeedsUp] = Field(default=2, ge=1)
    """Requests to a server at a time."""

    @override
    def _lanes(self) -> int:
        return self.max_concurrency * len(self.pool)

    @override
    def _source(self) -> Any:
        return self.base_url, getattr(self, "model", None)

    @override
    def _run(self, plan: Plan[T]) -> T:
        return self.client.run(plan)

    @override
    async def _arun(self, plan: Plan[T]) -> T:
        return await self.client.arun(plan)
