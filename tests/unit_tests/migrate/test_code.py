"""Each shape of code is migrated as `shapes.txt` shows, once; what cannot be read is refused."""

import pytest

from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.migrate import migrate_code
from tests.unit_tests.migrate.shapes import SHAPES, Shape


def test_there_are_more_than_thirty_shapes() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) > 30


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_migrate_code_of_a_shape_gives_its_code_and_notes(shape: Shape) -> None:
    done = migrate_code(shape.before)
    assert done.code == shape.after
    assert tuple(map(str, done.notes)) == shape.notes


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_migrate_code_a_second_time_changes_nothing(shape: Shape) -> None:
    assert migrate_code(shape.after).code == shape.after


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_migrate_code_keeps_windows_line_ends(shape: Shape) -> None:
    done = migrate_code(shape.before.replace("\n", "\r\n"))
    assert done.code == shape.after.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "code",
    [
        "",
        "x = 1",
        "# langchain, in a comment only\n\n\nx=1   \n",
        "import langchain_core\n\tx",
        "from . import llms\nfrom .langchain import LlamaCpp\n",
        "from langchain_core.messages import HumanMessage\n",
    ],
)
def test_migrate_code_leaves_other_code_as_it_is(code: str) -> None:
    if "\tx" in code:
        with pytest.raises(
            InvalidRequestError, match="Line 2 is not valid Python: unexpected indent"
        ):
            migrate_code(code)
    else:
        assert migrate_code(code).code == code


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import langchain\nprint 'x'\n", "Line 2 is not valid Python: Missing parentheses"),
        ("import langchain\nx = (\n", r"Line 2 is not valid Python: '\(' was never closed"),
        ("import langchain\nx = '\0'\n", "is not valid Python"),
        ("import langchain\nx = " + "[" * 60 + "]" * 60, None),
        ("import langchain\nx = " + "-" * 3000 + "1", "nested too deep"),
        ("import langchain\nx = " + " + ".join("y" * 3000), "nested too deep"),
        ("import langchain\nx = " + "f(" * 5000 + ")" * 5000, "nested|nesting"),
    ],
    ids=["python 2", "open", "nul", "nested", "minus", "plus", "calls"],
)
def test_migrate_code_refuses_what_is_not_python_or_nested_too_deep(
    code: str, reason: str | None
) -> None:
    if reason is None:
        migrate_code(code)
        return
    with pytest.raises(InvalidRequestError, match=reason):
        migrate_code(code)


def test_migrate_code_says_what_the_code_needs() -> None:
    done = migrate_code(
        "from langchain.llms import GPT4All\nfrom langchain.chains import LLMChain\n"
    )
    assert done.needs == {"GPT4All", "langchain_classic"}
