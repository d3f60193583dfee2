"""Ready prompts for steps of agents and turns of conversations."""

from typing import Final

from langchain_core.prompts import ChatPromptTemplate

from langchain_localllm.prompts.adapt import wrap_in_template
from langchain_localllm.prompts.prompt_pair import PromptPair, ready

AGENT_STEP: Final = ready(
    "Answer the question. You can use these tools:\n{tools}\n\n"
    "Write one step at a time, in this form:\n"
    "Thought: what to do next\n"
    "Action: one of {tool_names}\n"
    "Action Input: what the tool needs\n"
    "Then you are told the result:\n"
    "Observation: the result\n"
    "When you know the answer, write:\n"
    "Thought: I know the answer\n"
    "Final Answer: the answer",
    "Question: {input}\nThought:{agent_scratchpad}",
    "",
)
"""A step of an agent that thinks and acts by text, for `create_react_agent`: `tools`, `tool_names`,
`input`, `agent_scratchpad`."""

_CONVERSATION: Final = ChatPromptTemplate.from_messages(
    [
        (
            "system",
            "You are a helpful assistant. Answer briefly. If you do not know something, say so.",
        ),
        ("placeholder", "{history}"),
        ("human", "{input}"),
    ]
)

CONVERSATION: Final = PromptPair(wrap_in_template(_CONVERSATION, None), _CONVERSATION)
"""A conversation: `input` and `history`, which is a list of messages for every model, or left
out."""
