"""`runtimes/llamacpp/admission.py`: which requests wait for a slot, and which are admitted."""

from types import SimpleNamespace
from typing import Any

from langchain_localllm.base.local_engine.stream import ResponseQueue
from langchain_localllm.errors import ServerError
from langchain_localllm.runtimes.llamacpp.admission import Admission
from langchain_localllm.runtimes.llamacpp.request import Request


def answers_to(*requests: Request, room: int = 10) -> list[Any]:
    return [SimpleNamespace(request=request, room=room) for request in requests]


def request(tokens: int = 4, **options: Any) -> Request:
    return Request([1] * tokens, **options)


def waiting(*requests: Request, parallel: int = 2, cells: int = 40, n_ctx: int = 20) -> Admission:
    admission = Admission(parallel, cells, n_ctx, (1.0,))
    for one in requests:
        admission.add(one, ResponseQueue())
    return admission


def test_admit_returns_requests_in_order_with_their_limits() -> None:
    admission = waiting(
        request(), request(max_tokens=3), request(max_tokens=-1), request(max_tokens=999)
    )
    limits = []
    while admitted := admission.admit([]):
        limits.append(admitted[2])
    assert limits == [16, 3, 16, 16]
    assert not admission


def test_admit_waits_for_a_slot_and_for_cells() -> None:
    admission = waiting(request(max_tokens=6))
    assert admission.admit(answers_to(request(), request())) is None
    assert admission.admit(answers_to(request(), room=31)) is None
    assert admission.admit(answers_to(request(), room=30))


def test_admit_drops_requests_whose_consumer_is_gone() -> None:
    admission, box, kept = waiting(), ResponseQueue(), request()
    box.cancel()
    admission.add(request(), box)
    admission.add(kept, ResponseQueue())
    admitted = admission.admit([])
    assert admitted
    assert admitted[0] is kept


def test_admit_lets_no_short_request_overtake_a_long_one() -> None:
    admission = waiting(request(max_tokens=16), request(max_tokens=1))
    assert admission.admit(answers_to(request(), room=30)) is None


def test_admit_answers_isolated_requests_and_other_lora_scales_alone() -> None:
    plain, isolated, scaled, same = (
        request(),
        request(cache_prompt=False),
        request(lora=(0.5,)),
        request(lora=(1.0,)),
    )
    for running, new in ((plain, isolated), (isolated, plain), (plain, scaled), (scaled, plain)):
        assert waiting(new).admit(answers_to(running)) is None
        assert waiting(new).admit([])
    assert waiting(same).admit(answers_to(plain))


def test_fail_all_reports_to_every_consumer() -> None:
    admission, boxes = waiting(), [ResponseQueue(), ResponseQueue()]
    for box in boxes:
        admission.add(request(), box)
    admission.fail_all(ServerError("freed"))
    assert not admission
    assert not any(box.empty() for box in boxes)
