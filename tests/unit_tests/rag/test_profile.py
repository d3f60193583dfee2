"""What a model is given depends on what it is."""

from langchain_core.language_models import FakeListChatModel

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.rag.profile import is_small_model


def test_is_small_model_by_its_parameters() -> None:
    assert is_small_model(ChatLlamaCpp(model_path=tiny_chat_model()).bind(stop=["."]))
    assert not is_small_model(FakeListChatModel(responses=["Blue."]))
