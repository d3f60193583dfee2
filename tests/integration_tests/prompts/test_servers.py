"""The first look at models on servers, and servers that are not there."""

from langchain_localllm import ChatLlamafile, Llamafile, LocalServer, Ollama
from langchain_localllm.prompts import amodel_family, context_at_least, model_family, supports_tools

NOWHERE = "http://127.0.0.1:9"


def test_a_server_that_is_not_there_is_a_reason_and_no_exception() -> None:
    family = model_family(Llamafile(base_url=NOWHERE))
    assert family.name is None
    assert family.reason.startswith(f"No server answers at {NOWHERE}.")


async def test_nor_in_async_code() -> None:
    family = await amodel_family(Ollama(model="llama2", base_url=NOWHERE))
    assert family.name == "llama2"
    assert family.reason.startswith(f"No server answers at {NOWHERE}.")


def test_a_server_s_props_tell(chat_server: LocalServer) -> None:
    llm = Llamafile(base_url=chat_server.base_url)
    family = model_family(llm.with_retry())
    assert (family.name, family.reason) == ("chatml", "The chat template from the server's /props holds its markers.")
    assert supports_tools(llm)
    assert context_at_least(512)(llm)
    assert not context_at_least(513)(llm)


async def test_they_tell_async_code_the_same(chat_server: LocalServer) -> None:
    llm = Llamafile(base_url=chat_server.base_url)
    assert await amodel_family(llm) == model_family(Llamafile(base_url=chat_server.base_url))


def test_a_class_with_tools_is_believed_when_nobody_tells() -> None:
    assert supports_tools(ChatLlamafile(base_url=NOWHERE))
    assert not supports_tools(Llamafile(base_url=NOWHERE))
