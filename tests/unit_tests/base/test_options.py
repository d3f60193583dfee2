"""Each option reaches the server, holds for its call only, and counts for the cache exactly when it
changes the answer."""

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr

import langchain_localllm
from langchain_localllm import ChatOllama, LlamafileEmbeddings, __version__
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.testing.paths import PATHS, Path
from langchain_localllm.transport.operations import Send
from tests.unit_tests.fakes import ANSWER
from tests.unit_tests.option_cases import SUBJECTS, Subject

HELLO = "".join(ANSWER)


@pytest.fixture(params=sorted(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture
def make(subject: Subject) -> Any:
    return subject.make


@pytest.fixture(params=sorted(PATHS))
def path(request: pytest.FixtureRequest) -> Path:
    return PATHS[request.param]


# --- every option of every class ---


def body_of(send: Send) -> dict[str, Any]:
    assert send.body is not None
    return send.body


each_option = pytest.mark.parametrize(
    ("subject", "name"),
    [(key, name) for key, subject in SUBJECTS.items() for name in subject.options],
    indirect=["subject"],
)


def test_option_every_field_has_a_case(subject: Subject) -> None:
    assert set(subject.options) == set(subject.make.model_fields) - subject.make.NOT_PER_CALL - {
        "streaming"
    }


@each_option
def test_option_of_the_object_reaches_the_server(name: str, subject: Subject) -> None:
    value = subject.options[name].value
    model = subject.make(**{name: value})
    assert PATHS["invoke"](model, "Hi") == HELLO
    assert body_of(model.asked[0]) == subject.request(**{name: value})


@each_option
def test_option_of_a_call_reaches_the_server_for_that_call_only(
    name: str, subject: Subject
) -> None:
    value = subject.options[name].value
    model = subject.make()
    model.invoke("Hi", **{name: value})
    model.invoke("Hi")
    assert [body_of(send) for send in model.asked] == [
        subject.request(**{name: value}),
        subject.empty,
    ]


def test_option_nothing_is_sent_that_was_not_set(subject: Subject) -> None:
    fields = subject.make.model_fields
    model = subject.make(**{name: None for name in subject.options if fields[name].default is None})
    model.invoke("Hi")
    model.invoke("Hi", temperature=None, stop=None)
    assert [body_of(send) for send in model.asked] == [subject.empty] * 2


def test_option_connection_options_reach_the_connection(make: Callable[..., Any]) -> None:
    model = make(
        base_url="http://me:word@host/llm/",
        headers={"X-Tenant": "a"},
        timeout=1.5,
        max_retries=5,
        wait_until_ready=2.5,
    )
    model.invoke("Hi")
    assert model.asked[0].timeout == 1.5
    assert (model.retry_policy.max_retries, model.retry_policy.wait_until_ready) == (5, 2.5)
    assert model.client.address.url == "http://host/llm"
    assert dict(model.client.address.headers) == {
        "Authorization": "Basic bWU6d29yZA==",
        "X-Tenant": "a",
    }
    with_key = make(
        base_url="http://me:word@host", api_key="a-key", headers={"authorization": "other"}
    )
    assert dict(with_key.client.address.headers) == {"Authorization": "Bearer a-key"}


# --- names ---


def test_option_other_spellings_are_read(subject: Subject) -> None:
    assert {alias: name for alias, (name, _) in subject.aliases.items()} == subject.make.ALIASES
    for alias, (name, value) in subject.aliases.items():
        assert getattr(subject.make(**{alias: value}), name) == value
        if name != "callbacks":
            model = subject.make()
            model.invoke("Hi", **{alias: value})
            assert getattr(model.with_options({alias: value}), name) == value


def test_option_given_twice_with_two_values_is_refused(make: Callable[..., Any]) -> None:
    twice = {"n_predict": 1, "max_tokens": 2}
    calls: list[Callable[[], Any]] = [lambda: make(**twice), lambda: make().invoke("Hi", **twice)]
    for call in calls:
        with pytest.raises(
            InvalidOptionError, match="`max_tokens` was given twice, once as `max_tokens`"
        ):
            call()
    for same in (
        {"n_predict": 2, "max_tokens": 2},
        {"n_predict": None, "max_tokens": 2},
        {"max_tokens": 2, "n_predict": None},
    ):
        assert make(**same).max_tokens == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("temprature", "Did you mean `temperature`?"),
        ("num_predicts", "Did you mean `num_predict`?"),
        ("zzzzzz", "See the parameters of"),
        ("no_such_option", "has no option `no_such_option`"),
    ],
)
def test_option_unknown_option_is_refused_with_the_nearest_name(
    name: str, words: str, make: Callable[..., Any], path: Path
) -> None:
    for call in (lambda given: make(**given), lambda given: path(make(), "Hi", **given)):
        with pytest.raises(InvalidOptionError) as caught:
            call({name: 1})
        assert words in str(caught.value)
        assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        {"temperature": -1},
        {"temperature": "hot"},
        {"top_p": 2},
        {"max_tokens": -2},
        {"max_tokens": 0},
        {"timeout": 0},
    ],
)
def test_option_value_out_of_range_is_refused(
    option: dict[str, Any], make: Callable[..., Any], path: Path
) -> None:
    (name,) = option
    for call in (lambda: make(**option), lambda: path(make(), "Hi", **option)):
        with pytest.raises(InvalidOptionError, match=f"`{name}`"):
            call()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_option_value_that_is_not_a_number_is_refused(
    value: float, make: Callable[..., Any]
) -> None:
    for name in ("temperature", "presence_penalty", "timeout", "logit_bias"):
        with pytest.raises(InvalidOptionError):
            make(**{name: {"5": value} if name == "logit_bias" else value})


def test_option_removed_arguments_warn_once_and_change_nothing(subject: Subject) -> None:
    make = subject.make
    assert make.REMOVED
    for name in make.REMOVED:
        with pytest.warns(UserWarning, match=rf"`{name}` of \w+ has no effect") as caught:
            model = make(**{name: 1})
        assert caught[0].filename == __file__, "the warning does not show the caller's line"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            make(**{name: 1})
            model.invoke("Hi", **{name: 1})
        assert body_of(model.asked[0]) == subject.empty


# --- stop ---


def test_option_both_kinds_of_stop_are_merged_on_every_path(
    subject: Subject, make: Callable[..., Any], path: Path
) -> None:
    mine, yours = ["A", "B"], ["B", "C"]
    model = make(stop=mine)
    path(model, "Hi", stop=yours)
    path(model, "Hi")
    assert {tuple(subject.sent(body_of(send), "stop")) for send in model.asked} == {
        ("A", "B", "C"),
        ("A", "B"),
    }
    assert (mine, yours) == (["A", "B"], ["B", "C"])


def test_option_empty_stop_and_stop_of_another_type_are_refused(
    make: Callable[..., Any], path: Path
) -> None:
    for stop in ([""], ["a", ""]):
        with pytest.raises(InvalidOptionError, match="empty string"):
            make(stop=stop)
        with pytest.raises(InvalidOptionError, match="empty string"):
            path(make(), "Hi", stop=stop)
    with pytest.raises(InvalidOptionError, match=r"stop=\['abc'\]"):
        path(make(), "Hi", stop="abc")
    wrong: list[Any] = [5, [None], [5], ["a", None]]
    for other in wrong:
        with pytest.raises(InvalidOptionError, match=r"`stop` is a list of texts, not "):
            path(make(), "Hi", stop=other)


# --- calls and copies ---


def test_option_calls_options_hold_on_every_path_and_for_that_call_only(
    subject: Subject, path: Path
) -> None:
    model = subject.make(temperature=0.1)
    path(model, "Hi", temperature=0.9, n_predict=3)
    path(model, "Hi")
    bodies = [body_of(send) for send in model.asked]
    sent = [
        (subject.sent(body, "temperature"), subject.sent(body, "max_tokens")) for body in bodies
    ]
    half = len(sent) // 2
    assert sent == [(0.9, 3)] * half + [(0.1, None)] * half


def test_option_arguments_of_the_caller_are_not_changed(subject: Subject, path: Path) -> None:
    # the path's own argument has that name
    given = {name: case.value for name, case in subject.options.items() if name != "model"}
    before = copy.deepcopy(given)
    path(subject.make(**given), "Hi", **given)
    assert given == before


def test_option_bound_configured_copied_and_pickled_models_work(subject: Subject) -> None:
    model = subject.make(
        temperature=0.1, base_url="http://me:word@host", api_key="a-key", headers={"X": "y"}
    )
    model.client.close()
    model.bind(temperature=0.9, stop=["A"]).invoke("Hi")
    assert [subject.sent(body_of(model.asked[-1]), name) for name in ("temperature", "stop")] == [
        0.9,
        ["A"],
    ]
    configurable = model.configurable_fields(temperature=ConfigurableField(id="heat"))
    for heat in (0.3, 0.4):
        bound, _ = configurable.prepare({"configurable": {"heat": heat}})
        bound.invoke("Hi")
        assert subject.sent(body_of(bound.asked[-1]), "temperature") == heat
        assert bound.client.address == model.client.address
    # it can be pickled
    real_class = next(
        parent for parent in subject.make.__mro__ if not parent.__module__.startswith("tests")
    )
    real = real_class(temperature=0.1, api_key=SecretStr("a-key"), base_url="http://me:word@host")
    address = real.client.address
    copies = [real.model_copy(), real.model_copy(deep=True), copy.copy(real), copy.deepcopy(real)]
    for twin in [*copies, pickle.loads(pickle.dumps(real))]:  # noqa: S301 - our own bytes
        assert twin.payload() == real.payload()
        assert twin.client.address == address
    assert real.with_options({"temperature": 0.5}).client is real.client


@pytest.mark.parametrize("given", [{"num_predict": -2}, {"options": {"num_predict": -2}}])
def test_option_num_predict_that_fills_the_context_is_no_limit(given: dict[str, Any]) -> None:
    assert ChatOllama(model="m", **given).max_tokens == -1
    assert ChatOllama(model="m").with_options(given).payload()["options"] == {"num_predict": -1}


# --- another server ---


def test_option_server_of_a_call_does_not_get_the_objects_secrets(
    make: Callable[..., Any], path: Path
) -> None:
    model = make(base_url="http://host", api_key="mine", headers={"X-Key": "mine"})

    def told(**options: Any) -> dict[str, str]:
        return dict(model.with_options(options).client.address.headers)

    mine = {"Authorization": "Bearer mine", "X-Key": "mine"}
    assert told(base_url="http://host/") == told(temperature=1) == mine
    assert (
        told(base_url="http://host:81")
        == told(base_url="https://host")
        == told(base_url="http://other")
        == {}
    )
    assert told(base_url="http://other", api_key="yours") == {"Authorization": "Bearer yours"}
    assert told(base_url="http://a:b@other", headers={"X-Key": "yours"}) == {
        "Authorization": "Basic YTpi",
        "X-Key": "yours",
    }
    assert told(headers={"X-Key": "yours"}, base_url="http://a:b@other") == {
        "Authorization": "Basic YTpi",
        "X-Key": "yours",
    }
    path(model, "Hi", base_url="http://other")
    assert told() == mine


# --- the cache ---


@pytest.mark.parametrize("given", ["to the object", "to the call"])
@each_option
def test_cache_key_holds_what_changes_the_answer(name: str, given: str, subject: Subject) -> None:
    make, case = subject.make, subject.options[name]
    cache = InMemoryCache()
    base = {"cache": cache, "model": "other"}
    plain = make(**base)
    plain.invoke("Hi")
    changed = make(**(base | {name: case.value})) if given == "to the object" else plain
    changed._asked.clear()
    call = {} if given == "to the object" else {name: case.value}
    changed.invoke("Hi", **call)
    changed.invoke("Hi", **call)
    # a call without tools leaves it out
    without_tools = name == "parallel_tool_calls" and given == "to the call"
    assert len(changed.asked) == int(case.changes and not without_tools)


def test_option_both_kinds_of_stop_are_in_the_key(make: Callable[..., Any], path: Path) -> None:
    if path.__name__ in {"stream", "astream", "astream_events"}:
        return  # LangChain does not cache streams
    cache = InMemoryCache()
    one, other = make(cache=cache, model="m", stop=["A"]), make(cache=cache, model="m", stop=["B"])
    path(one, "Hi")
    path(other, "Hi")
    assert other.asked


# --- secrets ---


class Trace(BaseCallbackHandler):
    """Record all that a tracer gets."""

    def __init__(self) -> None:
        self.told = ""

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        self.told += f"{args} {kwargs}"

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.told += f"{args} {kwargs}"


SECRET = {"base_url": "http://me:hidden@host", "api_key": "hidden", "headers": {"X-Key": "hidden"}}


def test_option_secrets_are_in_no_text_and_no_trace(make: Callable[..., Any], path: Path) -> None:
    model = make(**SECRET)
    trace = Trace()
    path(model, "Hi", {"callbacks": [trace]})
    dumped = [dumps(model), model.model_dump_json(exclude={"headers"}, fallback=str)]
    shown = [
        repr(model),
        str(model),
        repr(model.client.address),
        str(model._identifying_params),
        str(model._serialized),
    ]
    for text in [trace.told, *dumped, *shown, str(model.asked)]:
        assert "hidden" not in text
        assert "bWU6aGlkZGVu" not in text  # the same as basic authentication
    assert trace.told


@pytest.mark.parametrize("name", SECRET)
def test_option_secrets_of_a_call_are_in_no_trace(
    name: str, make: Callable[..., Any], path: Path
) -> None:
    model = make()
    trace = Trace()
    path(model, "Hi", {"callbacks": [trace]}, **{name: SECRET[name]})
    assert "hidden" not in trace.told
    assert "bWU6aGlkZGVu" not in trace.told


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://me:hidden@host"},
        {"base_url": "http://me:hidden@"},
        {"api_key": ["hidden"]},
        {"api_key": "hidden\n"},
        {"headers": {"X-Key": ["hidden"]}},
        {"headers": {"X-Key": "hidden\r\n"}},
    ],
)
def test_option_secrets_are_in_no_refusal(wrong: dict[str, Any], make: Callable[..., Any]) -> None:
    for call in (
        lambda: make(**wrong),
        lambda: make().invoke("Hi", **wrong),
        lambda: LlamafileEmbeddings(**wrong),
    ):
        with pytest.raises(InvalidOptionError) as caught:
            call()
        error: BaseException | None = caught.value
        while error is not None:
            assert "hidden" not in f"{error} {error!r}"
            error = error.__cause__ or error.__context__


# --- versions ---


def test_versions_are_in_each_trace(make: Callable[..., Any], path: Path) -> None:
    trace = Trace()
    path(make(metadata={"project": "lamp"}), "Hi", {"callbacks": [trace]})
    assert f"'langchain-localllm': '{__version__}'" in trace.told
    assert "'langchain-core': " in trace.told
    assert "'project': 'lamp'" in trace.told


@pytest.mark.parametrize("name", ["ChatGPT4All", "ChatLlamaCpp", "GPT4All", "LlamaCpp"])
def test_versions_of_an_in_process_class_leave_the_callers_metadata(name: str) -> None:
    given = {"project": "lamp"}
    model = getattr(langchain_localllm, name)(model=str(tiny_chat_model()), metadata=given)
    assert set(model.metadata["lc_versions"]) >= {"langchain-core", "langchain-localllm"}
    assert given == {"project": "lamp"}
