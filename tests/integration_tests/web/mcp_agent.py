"""An agent of ours with the tools of `localllm mcp`, in a process where langchain-mcp-adapters and
mcp 1 can be imported.

The models write given texts: a call of the tool, and then the answer.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import HumanMessage, ToolMessage

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.models import tiny_chat_model
from tools.engines.scripted_model import scripted_model

SEARCH = (
    '<tool_call>\n{"name": "search", "arguments": {"query": "Who is the warden?"}}\n</tool_call>'
)
ANSWER = "Odalys Fenn is the warden, says the handbook."


class Turns(AgentMiddleware):
    """Has the answer written by another model once a tool was called."""

    def __init__(self, answering: ChatLlamaCpp) -> None:
        super().__init__()
        self._answering = answering

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        called = isinstance(request.messages[-1], ToolMessage)
        return await handler(request.override(model=self._answering) if called else request)


async def main(work: Path, documents: Path) -> None:
    """Let the agent search and answer; print what came."""
    # pytest imports this file, where there is none
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    server = {
        "transport": "stdio",
        "command": sys.executable,
        "args": ["-m", "langchain_localllm.cli", "mcp", str(documents)],
        "env": {**os.environ, "PYTHONPATH": os.environ["SERVER_PYTHONPATH"]},
    }
    with ChatLlamaCpp(model_path=tiny_chat_model()) as tiny:
        template = tiny.template().source
    for name, text in (("call", SEARCH), ("answer", ANSWER)):
        scripted_model(work / f"{name}.gguf", [text], template=template)
    client: Any = MultiServerMCPClient({"documents": server})
    async with client.session("documents") as session:
        tools = await load_mcp_tools(session)
        await next(tool for tool in tools if tool.name == "index").ainvoke({})
        with (
            ChatLlamaCpp(
                model_path=work / "call.gguf", n_ctx=4096, max_tokens=120, temperature=0
            ) as calling,
            ChatLlamaCpp(
                model_path=work / "answer.gguf", n_ctx=4096, max_tokens=60, temperature=0
            ) as answering,
        ):
            agent: Any = create_agent(calling, tools, middleware=[Turns(answering)])
            state = await agent.ainvoke({"messages": [HumanMessage("Who is the warden?")]})
    result = next(message for message in state["messages"] if isinstance(message, ToolMessage))
    names = sorted(tool.name for tool in tools)
    found = {
        "mcp": version("mcp"),
        "tools": names,
        "result": result.text,
        "answer": state["messages"][-1].text,
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
