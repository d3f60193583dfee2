"""The chains of langchain-classic with prompts of the library, on real engines."""

import warnings
from collections.abc import Iterator
from typing import Any, Final

import pytest
from langchain_classic.agents import create_react_agent
from langchain_classic.chains import LLMChain, QAGenerationChain, load_summarize_chain
from langchain_classic.chains.combine_documents.map_reduce import MapReduceDocumentsChain
from langchain_classic.chains.combine_documents.reduce import ReduceDocumentsChain
from langchain_classic.chains.combine_documents.refine import RefineDocumentsChain
from langchain_classic.chains.combine_documents.stuff import StuffDocumentsChain
from langchain_classic.chains.prompt_selector import ConditionalPromptSelector as ClassicSelector
from langchain_classic.chains.qa_generation import prompt as qa_generation
from langchain_classic.chains.question_answering import (
    load_qa_chain,
    map_reduce_prompt,
    refine_prompts,
    stuff_prompt,
)
from langchain_classic.retrievers.multi_query import MultiQueryRetriever
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool

from langchain_localllm import ChatLlamafile, LlamaCpp, Llamafile, LocalServer
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.prompts import ConditionalPromptSelector
from langchain_localllm.prompts.library import (
    AGENT_STEP,
    DEFAULT_LLAMA_SEARCH_PROMPT,
    DEFAULT_SEARCH_PROMPT,
    EXPLAIN,
    MULTI_QUERY,
    QUESTION_ANSWERING,
    QUESTION_COMBINE,
    QUESTION_FIRST,
    QUESTION_MAP,
    QUESTION_REFINE,
    QUESTION_WRITING,
    SEARCH_QUERIES,
    SUMMARIZE,
    SUMMARIZE_COMBINE,
    SUMMARIZE_MAP,
    SUMMARIZE_REFINE,
)
from langchain_localllm.prompts.prompt_pair import PromptPair

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.deprecation.LangChainDeprecationWarning"
)

DOCUMENTS: Final = [
    Document("[1] Odalys Fenn is the warden."),
    Document("[2] The boat leaves at noon."),
]
QUESTION: Final = {"question": "Who is the warden?"}
SELECTORS: Final = [
    (stuff_prompt, "PROMPT_SELECTOR", QUESTION_ANSWERING),
    (map_reduce_prompt, "QUESTION_PROMPT_SELECTOR", QUESTION_MAP),
    (map_reduce_prompt, "COMBINE_PROMPT_SELECTOR", QUESTION_COMBINE),
    (refine_prompts, "QUESTION_PROMPT_SELECTOR", QUESTION_FIRST),
    (refine_prompts, "REFINE_PROMPT_SELECTOR", QUESTION_REFINE),
    (qa_generation, "PROMPT_SELECTOR", QUESTION_WRITING),
]
"""The six selectors of langchain-classic, and what takes their place."""


class Recorder(BaseCallbackHandler):
    """What the models were asked."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], **_: Any) -> None:  # noqa: ARG002 - LangChain's name
        self.prompts += prompts

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002 - as above
        messages: list[list[BaseMessage]],
        **_: Any,
    ) -> None:
        self.prompts += [
            "\n".join(f"{message.type}: {message.text}" for message in each) for each in messages
        ]


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(tiny_chat_model(), n_ctx=1024) as running:
        yield running


@pytest.fixture(scope="module", params=["llamafile", "chat-llamafile", "llamacpp"])
def llm(request: pytest.FixtureRequest, server: LocalServer) -> Any:
    settings: dict[str, Any] = {"temperature": 0, "max_tokens": 16}
    if request.param == "llamacpp":
        return LlamaCpp(model_path=str(tiny_chat_model()), n_ctx=1024, **settings)
    return (ChatLlamafile if request.param.startswith("chat") else Llamafile)(
        base_url=server.base_url, **settings
    )


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def begins_with(ready: PromptPair, prompt: str) -> bool:
    """Whether the model was asked by a ready prompt, in its own template or as messages."""
    system: Any = ready.chat.messages[0]
    instruction = system.prompt.template
    return prompt.startswith(
        (
            f"<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n",
            f"system: {instruction}\nhuman: ",
        )
    )


def run(chain: Any, recorder: Recorder, **values: Any) -> str:
    answer = chain.invoke({"input_documents": DOCUMENTS, **values}, {"callbacks": [recorder]})[
        "output_text"
    ]
    assert isinstance(answer, str)
    return answer


def test_classic_llm_chain(llm: Any, recorder: Recorder) -> None:
    chain = LLMChain(llm=llm, prompt=SEARCH_QUERIES.get_prompt(llm))
    answer = chain.invoke(QUESTION, {"callbacks": [recorder]})
    assert answer["text"].strip()
    assert begins_with(SEARCH_QUERIES, recorder.prompts[0])


def test_classic_guide_s_selector_and_chain(llm: Any, recorder: Recorder) -> None:
    selector = ConditionalPromptSelector(
        default_prompt=DEFAULT_SEARCH_PROMPT,
        conditionals=[(lambda llm: isinstance(llm, LlamaCpp), DEFAULT_LLAMA_SEARCH_PROMPT)],
    )
    prompt = selector.get_prompt(llm)
    assert prompt is (
        DEFAULT_LLAMA_SEARCH_PROMPT if isinstance(llm, LlamaCpp) else DEFAULT_SEARCH_PROMPT
    )
    LLMChain(prompt=prompt, llm=llm).invoke(QUESTION, {"callbacks": [recorder]})
    assert prompt.format(**QUESTION) in recorder.prompts[0]


@pytest.mark.parametrize(
    ("kind", "prompts", "asked"),
    [
        ("stuff", {"prompt": QUESTION_ANSWERING}, [QUESTION_ANSWERING]),
        (
            "map_reduce",
            {"question_prompt": QUESTION_MAP, "combine_prompt": QUESTION_COMBINE},
            [QUESTION_MAP, QUESTION_MAP, QUESTION_COMBINE],
        ),
        (
            "refine",
            {"question_prompt": QUESTION_FIRST, "refine_prompt": QUESTION_REFINE},
            [QUESTION_FIRST, QUESTION_REFINE],
        ),
    ],
    ids=["stuff", "map_reduce", "refine"],
)
def test_classic_load_qa_chain(
    llm: Any, recorder: Recorder, kind: str, prompts: dict[str, PromptPair], asked: list[PromptPair]
) -> None:
    fitted: dict[str, Any] = {name: ready.get_prompt(llm) for name, ready in prompts.items()}
    run(load_qa_chain(llm, kind, **fitted), recorder, **QUESTION)
    assert len(recorder.prompts) == len(asked)
    assert all(
        begins_with(ready, prompt) for ready, prompt in zip(asked, recorder.prompts, strict=True)
    )


def test_classic_six_selectors_can_be_replaced(
    llm: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, ready in SELECTORS:
        classic = getattr(module, name)
        assert isinstance(classic, ClassicSelector)
        assert set(ready.get_prompt(llm).input_variables) == set(
            classic.get_prompt(llm).input_variables
        )
        monkeypatch.setattr(module, name, ready)
    for kind in ("stuff", "map_reduce", "refine"):
        run(load_qa_chain(llm, kind), recorder, **QUESTION)
    asked = [
        QUESTION_ANSWERING,
        QUESTION_MAP,
        QUESTION_MAP,
        QUESTION_COMBINE,
        QUESTION_FIRST,
        QUESTION_REFINE,
    ]
    assert all(
        begins_with(ready, prompt) for ready, prompt in zip(asked, recorder.prompts, strict=True)
    )


@pytest.mark.parametrize(
    ("kind", "prompts"),
    [
        ("stuff", {"prompt": SUMMARIZE}),
        ("map_reduce", {"map_prompt": SUMMARIZE_MAP, "combine_prompt": SUMMARIZE_COMBINE}),
        ("refine", {"question_prompt": SUMMARIZE, "refine_prompt": SUMMARIZE_REFINE}),
    ],
    ids=["stuff", "map_reduce", "refine"],
)
def test_classic_load_summarize_chain(
    llm: Any, recorder: Recorder, kind: str, prompts: dict[str, PromptPair]
) -> None:
    chain = load_summarize_chain(
        llm, kind, **{name: ready.get_prompt(llm) for name, ready in prompts.items()}
    )
    run(chain, recorder)
    assert all(
        any(begins_with(ready, prompt) for prompt in recorder.prompts) for ready in prompts.values()
    )


def test_classic_map_reduce_documents_chain(llm: Any, recorder: Recorder) -> None:
    each = LLMChain(llm=llm, prompt=SUMMARIZE_MAP.get_prompt(llm))
    all_together = LLMChain(llm=llm, prompt=SUMMARIZE_COMBINE.get_prompt(llm))
    combine = StuffDocumentsChain(llm_chain=all_together, document_variable_name="text")
    reduce = ReduceDocumentsChain(combine_documents_chain=combine)
    run(
        MapReduceDocumentsChain(
            llm_chain=each, reduce_documents_chain=reduce, document_variable_name="text"
        ),
        recorder,
    )
    assert [begins_with(SUMMARIZE_MAP, prompt) for prompt in recorder.prompts] == [
        True,
        True,
        False,
    ]


def test_classic_refine_documents_chain(llm: Any, recorder: Recorder) -> None:
    chain = RefineDocumentsChain(
        initial_llm_chain=LLMChain(llm=llm, prompt=SUMMARIZE.get_prompt(llm)),
        refine_llm_chain=LLMChain(llm=llm, prompt=SUMMARIZE_REFINE.get_prompt(llm)),
        document_variable_name="text",
        initial_response_name="existing_answer",
    )
    run(chain, recorder)
    assert [begins_with(SUMMARIZE_REFINE, prompt) for prompt in recorder.prompts] == [False, True]


def test_classic_multi_query_retriever(llm: Any, recorder: Recorder) -> None:
    class Echo(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            return [Document(query)]

    retriever = MultiQueryRetriever.from_llm(Echo(), llm, prompt=MULTI_QUERY.get_prompt(llm))
    found = retriever.invoke(QUESTION["question"], {"callbacks": [recorder]})
    assert all(document.page_content for document in found)
    assert begins_with(MULTI_QUERY, recorder.prompts[0])


def test_classic_qa_generation_chain(server: LocalServer) -> None:
    text = {"type": "string", "maxLength": 20}
    schema = {
        "type": "object",
        "properties": {"question": text, "answer": text},
        "required": ["question", "answer"],
    }
    llm = Llamafile(base_url=server.base_url, temperature=0, max_tokens=96, json_schema=schema)
    chain = QAGenerationChain.from_llm(llm, prompt=QUESTION_WRITING.get_prompt(llm))
    (made,) = chain.invoke({"text": DOCUMENTS[0].page_content})["questions"]
    assert set(made) == {"question", "answer"}


def test_classic_react_agent(llm: Any, recorder: Recorder) -> None:
    @tool
    def add(numbers: str) -> str:
        """Add numbers."""
        return numbers

    agent = create_react_agent(llm, [add], AGENT_STEP.get_prompt(llm), output_parser=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            agent.invoke(
                {"input": "What is 1 + 1?", "intermediate_steps": []}, {"callbacks": [recorder]}
            )
        except ValueError as error:  # the tiny model knows no such form
            assert "Could not parse" in str(error)  # noqa: PT017 - either is right
    assert "add(numbers: str) -> str - Add numbers." in recorder.prompts[0]
    assert "Question: What is 1 + 1?\nThought:" in recorder.prompts[0]


def test_classic_plain_sequence(llm: Any) -> None:
    assert isinstance((EXPLAIN.get_prompt(llm) | llm).invoke({"topic": "tides"}), str | BaseMessage)
