"""End the thoughts of streamed answers by llama.cpp's `/v1/chat/completions/control`."""

import weakref
from typing import Final

from langchain_localllm.base.http import ServerOptions
from langchain_localllm.runtimes.llamafile.answer_decoder import ChatDecoder
from langchain_localllm.runtimes.llamafile.api import ask
from langchain_localllm.transport.operations import Plan

_running: Final[weakref.WeakKeyDictionary[ChatDecoder, str]] = weakref.WeakKeyDictionary()
"""Decoders of answers that are being streamed, to whose they are."""


def note_running(decoder: ChatDecoder, owner: str) -> None:
    """Note that an answer is being streamed, until it is read to its end or left.

    Args:
        decoder: Decodes the answer.
        owner: Whose answer it is, as `end_reasoning` is called with.
    """
    _running[decoder] = owner


def end_reasoning(options: ServerOptions, owner: str) -> Plan[int]:
    """End the thoughts of an owner's answers, and return of how many the server ended them."""
    ended = 0
    for decoder, whose in list(_running.items()):
        if whose != owner or decoder.is_complete or not decoder.completion_id:
            continue
        server = options.with_options({"base_url": decoder.read_error.url})
        body = {"id": decoder.completion_id, "action": "reasoning_end"}
        answer = yield from ask(server, "POST", "/v1/chat/completions/control", body)
        ended += isinstance(answer, dict) and answer.get("success") is True
    return ended
