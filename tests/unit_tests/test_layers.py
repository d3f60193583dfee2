"""Imports point downward only, and no modules import each other in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import langchain_localllm

ROOT: Final = Path(langchain_localllm.__file__).parent
LAYERS: Final = (
    ("_deprecated", "errors", "registry"),
    ("_json", "_lazy", "_version", "extras"),
    ("templates", "transport"),
    ("gguf", "models"),
    ("model_info",),
    ("base",),
    ("runtimes",),
    ("__init__", "chat_models", "embeddings", "llms", "prompts", "testing"),
    ("factory", "manage", "rag"),
    ("migrate", "scale", "web"),
    ("cli",),
)
"""From the bottom up. A package imports from those below its own layer."""
LEVELS: Final = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules() -> dict[str, Path]:
    """Dotted name below the package to the file."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def imports(path: Path) -> Iterator[str]:
    """The package's modules that a file imports anywhere in it, but for type checkers."""
    tree = ast.parse(path.read_text("utf-8"))
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            block.body = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.partition(".")[0] == ROOT.name
        ):
            package = node.module.partition(".")[2]
            for name in node.names:
                inner = f"{package}.{name.name}".lstrip(".")
                yield inner if inner in MODULES else package or "__init__"
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.partition(".")[0] == ROOT.name:
                    yield name.name.partition(".")[2] or "__init__"


MODULES: Final = modules()


def test_layers_every_package_has_a_layer() -> None:
    assert {name.partition(".")[0] for name in MODULES} == set(LEVELS)


def test_layers_imports_point_downward_only() -> None:
    upward = [
        f"{module} imports {imported}"
        for module, path in MODULES.items()
        for imported in imports(path)
        if (here := module.partition(".")[0]) != (there := imported.partition(".")[0])
        and LEVELS[there] >= LEVELS[here]
    ]
    assert not upward


def test_layers_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {imported for imported in imports(path) if imported != module}
        for module, path in MODULES.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle
