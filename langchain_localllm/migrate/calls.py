"""Change calls that LangChain 1 took out: `llm("...")`, `llm.predict("...")` and `chat([...])`.

A call is changed where the name can only be a model of ours: every assignment to it in the file
makes one. `get_relevant_documents` of retrievers is changed on any name, unless the file defines
it.
"""

from typing import Final

import libcst as cst

from langchain_localllm.migrate.arguments import made_class
from langchain_localllm.migrate.moved_names import our_class
from langchain_localllm.migrate.parsed import Parsed
from langchain_localllm.registry import RUNTIMES

_KIND: Final = {name: kind for kinds in RUNTIMES.values() for kind, name in kinds.items()}
"""Our class to its kind."""
_METHODS: Final = {
    ("text", "predict"): ("invoke", ""),
    ("text", "apredict"): ("ainvoke", ""),
    ("chat", "predict"): ("invoke", ".text"),
    ("chat", "predict_messages"): ("invoke", ""),
    ("chat", "apredict_messages"): ("ainvoke", ""),
}
"""Kind of model and a method that is gone, to the new one and what has to be read from its
result."""
_GONE: Final = frozenset(
    {"predict", "apredict", "predict_messages", "apredict_messages", "call_as_llm"}
)
_RETRIEVED: Final = {"aget_relevant_documents": "ainvoke", "get_relevant_documents": "invoke"}
"""Methods of retrievers that are gone, to the new ones."""


def change_calls(parsed: Parsed) -> None:
    """Change the calls of models and retrievers in a file."""
    names = _model_names(parsed)
    own = {function.name.value for function in parsed.nodes(cst.FunctionDef)}
    gone = _RETRIEVED.keys() - own
    for call in parsed.nodes(cst.Call):
        model, method = call.func, ""
        if isinstance(model, cst.Attribute) and model.attr.value in gone:
            _change_retrieval(parsed, call, model.attr)
            continue
        if isinstance(model, cst.Attribute) and model.attr.value in _GONE:
            method, model = model.attr.value, model.value
        if kinds := _kinds(parsed, names, model):
            _change(parsed, call, kinds, method)


def _kinds(parsed: Parsed, names: dict[str, set[str | None]], node: cst.CSTNode) -> set[str | None]:
    """Return which models an expression can be, a name or a model that is made there."""
    made = _kinds_of(parsed, node) - {None}
    return names.get(_plain(node)) or made


def _model_names(parsed: Parsed) -> dict[str, set[str | None]]:
    """Return the names and attributes that models are assigned to, and which kinds.

    `None` for other things.
    """
    found: dict[str, set[str | None]] = {}
    for target, value in _assignments(parsed):
        found.setdefault(_plain(target), set()).update(_kinds_of(parsed, value))
    for parameter in parsed.nodes(cst.Param):
        found.setdefault(parameter.name.value, set()).update(_kinds_of_parameter(parsed, parameter))
    definitions: list[cst.FunctionDef | cst.ClassDef] = [
        *parsed.nodes(cst.FunctionDef),
        *parsed.nodes(cst.ClassDef),
    ]
    for definition in definitions:
        found.setdefault(definition.name.value, set()).add(None)
    return {name: kinds for name, kinds in found.items() if name and kinds & {"text", "chat"}}


def _assignments(parsed: Parsed) -> list[tuple[cst.CSTNode, cst.CSTNode | None]]:
    """Return what is assigned to, and the value where there is one for it alone."""
    pairs: list[tuple[cst.CSTNode, cst.CSTNode | None]] = []
    for assign in parsed.nodes(cst.Assign):
        pairs += [(target.target, assign.value) for target in assign.targets]
    pairs += [(each.target, each.value) for each in parsed.nodes(cst.AnnAssign) if each.value]
    pairs += [(named.target, named.value) for named in parsed.nodes(cst.NamedExpr)]
    pairs += [(item.asname.name, item.item) for item in parsed.nodes(cst.WithItem) if item.asname]
    loops: list[cst.For | cst.CompFor] = [*parsed.nodes(cst.For), *parsed.nodes(cst.CompFor)]
    several: list[cst.CSTNode] = [loop.target for loop in loops]
    several += [target for target, _ in pairs if _plain(target) == ""]
    for target in several:
        if isinstance(target, cst.Tuple | cst.List):
            pairs += [(element.value, None) for element in target.elements]
        elif _plain(target):
            pairs.append((target, None))
    return pairs


def _kinds_of(parsed: Parsed, value: cst.CSTNode | None) -> set[str | None]:
    """Return the kinds of models that an expression makes; `None` is one for other things."""
    if isinstance(value, cst.BooleanOperation):  # llm or Ollama()
        return _kinds_of(parsed, value.left) | _kinds_of(parsed, value.right)
    if isinstance(value, cst.IfExp):
        return _kinds_of(parsed, value.body) | _kinds_of(parsed, value.orelse)
    if not isinstance(value, cst.Call) or not isinstance(value.func, cst.Name | cst.Attribute):
        return {None}
    if ("functools", "partial") in parsed.imported_names(value.func):
        return {None}
    made = made_class(parsed, value)
    return {_KIND[made[1]] if made else None}


def _kinds_of_parameter(parsed: Parsed, parameter: cst.Param) -> set[str | None]:
    """Return the kind of model that a parameter is by its annotation, and `None`: it may lie."""
    if parameter.annotation is None:
        return {None}
    found = parsed.imported_names(parameter.annotation.annotation)
    return {None, *(_KIND[name] for each in found if (name := our_class(*each)))}


def _change(parsed: Parsed, call: cst.Call, kinds: set[str | None], method: str) -> None:
    said = f"{_plain(call.func) or parsed.text(call.func)}(...)"
    first = call.args[0] if call.args else None
    known = kinds <= {"text", "chat"} and first is not None and not first.keyword and not first.star
    new = {("invoke", "")} if not method else {_METHODS.get((kind or "", method)) for kind in kinds}
    found = new.pop() if len(new) == 1 else None
    if not known or found is None or not _only_keywords(call):
        text = (
            f"LangChain 1 has no `{said}` of models: use `.invoke(...)`, or `.ainvoke(...)`, if "
            "this is one."
        )
        parsed.note(call, text, by_hand=True)
        return
    name, result = found
    if isinstance(call.func, cst.Attribute) and method:
        parsed.replace(*parsed.span(call.func.attr), name)
    else:
        end = parsed.span(call.func)[1]
        parsed.replace(end, end, f".{name}")
    if result:
        end = parsed.span(call)[1]
        parsed.replace(end, end, result)


def _change_retrieval(parsed: Parsed, call: cst.Call, method: cst.Name) -> None:
    new = _RETRIEVED[method.value]
    query = call.args[0] if len(call.args) == 1 and not call.args[0].star else None
    if query is None or (query.keyword and query.keyword.value != "query"):
        text = f"LangChain 1 has no `{method.value}` of retrievers: use `.{new}(query)`."
        parsed.note(call, text, by_hand=True)
        return
    parsed.replace(*parsed.span(method), new)
    if query.keyword:
        parsed.replace(*parsed.span(query.keyword), "input")


def _only_keywords(call: cst.Call) -> bool:
    """Return whether all arguments but the first are given by name."""
    return all(arg.keyword and not arg.star for arg in call.args[1:])


def _plain(node: cst.CSTNode) -> str:
    """Return a name, or an attribute of a name such as `self.llm`.

    An empty string for anything else.
    """
    if isinstance(node, cst.Name):
        return str(node.value)
    if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name):
        return f"{node.value.value}.{node.attr.value}"
    return ""
