"""An agent of ours with the tools of `localllm mcp`, in a process where langchain-mcp-adapters and mcp 1 can be imported.

The model writes two given texts: a call of the tool, and then the answer.
"""

import asyncio
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_mcp_adapters.client import (  # type: ignore[import-not-found]  # it is in a folder of its own
    MultiServerMCPClient,
)

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.models import tiny_chat_model
from tools.engines.scripted_model import scripted_model

SEARCH = '<tool_call>\n{"name": "search", "arguments": {"query": "Who is the warden?"}}\n</tool_call>'
ANSWER = "Odalys Fenn is the warden, says the handbook."


async def main(work: Path, documents: Path) -> None:
    """Let the agent index, search and answer; print what came."""
    server = {
        "transport": "stdio",
        "command": sys.executable,
        "args": ["-m", "langchain_localllm.cli", "mcp", str(documents)],
        "env": {**os.environ, "PYTHONPATH": os.environ["SERVER_PYTHONPATH"]},
    }
    client = MultiServerMCPClient({"documents": server})
    async with client.session("documents") as session:
        from langchain_mcp_adapters.tools import load_mcp_tools  # type: ignore[import-not-found]  # as above

        tools = await load_mcp_tools(session)
        names = sorted(tool.name for tool in tools)
        await next(tool for tool in tools if tool.name == "index").ainvoke({})
        with ChatLlamaCpp(model_path=tiny_chat_model()) as tiny:
            template = tiny.template().source
        found = {}
        for name, text in (("call", SEARCH), ("answer", ANSWER)):
            scripted_model(work / f"{name}.gguf", [text], template=template)
        from langchain.agents.middleware import AgentMiddleware

        with (
            ChatLlamaCpp(model_path=work / "call.gguf", n_ctx=4096, max_tokens=120, temperature=0) as calling,
            ChatLlamaCpp(model_path=work / "answer.gguf", n_ctx=4096, max_tokens=60, temperature=0) as answering,
        ):

            class Turns(AgentMiddleware):
                async def awrap_model_call(self, request, handler):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
                    done = isinstance(request.messages[-1], ToolMessage)
                    return await handler(request.override(model=answering if done else calling))

            agent = create_agent(calling, tools, middleware=[Turns()])
            state = await agent.ainvoke({"messages": "Who is the warden?"})
        result = next(message for message in state["messages"] if isinstance(message, ToolMessage))
        found = {"mcp": version("mcp"), "tools": names, "result": result.text, "answer": state["messages"][-1].text}
        sys.stdout.write(json.dumps(found))


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
