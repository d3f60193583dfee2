"""RayMap on a real Ray cluster of this machine, with two CPUs."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import ray
import ray.data

from langchain_localllm import LlamafileEmbeddings, LocalServer, errors
from langchain_localllm.rag.vectorstores.kinds import open_vectors
from langchain_localllm.scale import RayMap

HERE = "tools.engines.runnables"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20
    )
    yield
    ray.shutdown()


def rows(count: int) -> Any:
    return ray.data.from_items(
        [{"id": number, "input": f"text {number}"} for number in range(count)],
        override_num_blocks=1,
    )


def two(name: str, arguments: dict[str, Any] | None = None, **options: Any) -> RayMap:
    return RayMap(
        f"{HERE}:{name}", arguments, **{"workers": 2, "num_cpus": 0.25, "batch_size": 4, **options}
    )


def written(folder: Path) -> list[dict[str, Any]]:
    found = [
        row for path in folder.glob("part-*.parquet") for row in pq.read_table(path).to_pylist()
    ]
    found += [
        json.loads(line)
        for path in folder.glob("part-*.jsonl")
        for line in path.read_text().splitlines()
    ]
    return sorted(found, key=lambda row: row["id"])


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_ray_map_results_are_written_as_they_come_and_a_failing_row_has_its_error(
    tmp_path: Path, form: Any
) -> None:
    summary = two("shout", {"but_not": "text 5"}).run(
        rows(10), tmp_path, format=form, show_progress=False
    )
    assert (summary.rows, summary.errors, summary.skipped) == (10, 1, 0)
    found = written(tmp_path)
    assert [row["output"] for row in found] == [
        None if number == 5 else f"TEXT {number}" for number in range(10)
    ]
    assert [row["error"] for row in found if row["error"]] == ["ValueError: not text 5"]
    assert len(list(tmp_path.glob("part-*"))) == 3, "a batch is a file"


def test_ray_map_rows_of_a_killed_actor_are_repeated(tmp_path: Path) -> None:
    summary = two("dies_at", {"text": "text 6", "once": str(tmp_path / "died")}).run(
        rows(12), tmp_path / "out", show_progress=False
    )
    assert (tmp_path / "died").exists()
    assert summary.rows == 12
    assert [row["output"] for row in written(tmp_path / "out")] == [
        f"TEXT {number}" for number in range(12)
    ]


def test_ray_map_run_whose_actors_die_stops_and_keeps_finished_rows(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelCallError, match="memory"):
        two("dies_at", {"text": "text 9"}, restarts=1, workers=1, batch_size=2).run(
            rows(12), tmp_path, show_progress=False
        )
    done = written(tmp_path)
    assert [row["output"] for row in done] == [f"TEXT {row['id']}" for row in done]
    assert 0 < len(done) < 12
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["runnable"] == f"{HERE}:dies_at"
    with pytest.raises(errors.InvalidOptionError, match="other settings"):
        two("shout").run(rows(12), tmp_path)


def test_ray_map_rows_that_are_done_are_skipped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = two("shout")
    assert job.run(rows(8), tmp_path, show_progress=False).rows == 8
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("part-*")}
    capfd.readouterr()
    summary = job.run(rows(11), tmp_path)
    assert (summary.rows, summary.skipped) == (3, 8)
    assert len(written(tmp_path)) == 11
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert "3/3" in capfd.readouterr().err.replace(" ", "").replace("of", "/")


def test_ray_map_several_columns_go_in_and_objects_come_out_as_json() -> None:
    data = ray.data.from_items([{"one": "a", "two": "b"}])
    assert two("joined", input=["one", "two"]).map(data).take_all() == [
        {"one": "a", "two": "b", "output": "a b", "error": None}
    ]
    (row,) = two("described", input="one", output="answer").map(data).take_all()
    assert json.loads(row["answer"]) == {"text": "a", "length": 1}


def test_ray_map_real_engines_work_in_actors(
    tmp_path: Path, chat_server: LocalServer, embedding_server: LocalServer
) -> None:
    llm = RayMap(
        "langchain_localllm:Llamafile",
        {"base_url": chat_server.base_url, "max_tokens": 4},
        workers=1,
        num_cpus=0.5,
    )
    assert llm.run(rows(6), tmp_path, show_progress=False).errors == 0
    assert all(isinstance(row["output"], str) for row in written(tmp_path))
    embed = RayMap(
        "langchain_localllm:LlamafileEmbeddings",
        {"base_url": embedding_server.base_url},
        output="vector",
        workers=1,
        num_cpus=0.5,
    )
    vectors = [row["vector"] for row in embed.map(rows(3)).take_all()]
    assert [round(sum(value * value for value in vector), 3) for vector in vectors] == [1.0] * 3


def test_ray_map_actors_write_passages_into_an_index(
    tmp_path: Path, embedding_server: LocalServer
) -> None:
    options = {"base_url": embedding_server.base_url}
    arguments = {
        "vectors": "qdrant",
        "embeddings": "langchain_localllm:LlamafileEmbeddings",
        "arguments": options,
    }
    texts = ["The hall is warm.", "The boat is blue.", " ", "The boat is blue."]
    data = ray.data.from_items(
        [{"id": number, "text": text, "source": "notes.md"} for number, text in enumerate(texts)]
    )
    job = RayMap(
        "langchain_localllm.scale.indexing:PassageWriter",
        {**arguments, "folder": str(tmp_path / "index")},
        input=["text", "source"],
        output="passage",
        workers=1,
        num_cpus=0.5,
    )
    assert job.run(data, tmp_path / "out", show_progress=False).errors == 1
    first, second, empty, again = written(tmp_path / "out")
    assert "no text" in empty["error"]
    assert second["passage"] == again["passage"]
    embeddings = LlamafileEmbeddings(base_url=embedding_server.base_url)
    store = opened(lambda: open_vectors("qdrant", tmp_path / "index", embeddings))
    ((found, score),) = store.similarity_search_with_score("The boat is blue.", 1)
    assert (found.id, found.metadata, round(score, 3)) == (
        second["passage"],
        {"source": "notes.md"},
        1.0,
    )
    assert len(store.similarity_search_with_score("hall", 9)) == 2
    assert first["passage"] != second["passage"]


def opened(make: Callable[[], Any]) -> Any:
    """What it makes, once the actor that has the files has ended."""
    for _ in range(1200):
        with contextlib.suppress(RuntimeError):
            return make()
        time.sleep(0.05)
    return make()


def test_ray_map_server_that_is_down_stops_the_run_and_spoils_no_row(tmp_path: Path) -> None:
    job = RayMap(
        "langchain_localllm:Llamafile", {"base_url": "http://localhost:1"}, workers=1, num_cpus=0.5
    )
    with pytest.raises(errors.ModelCallError, match="No server answers"):
        job.run(rows(3), tmp_path, show_progress=False)
    assert written(tmp_path) == []


@pytest.mark.parametrize(
    ("runnable", "arguments", "says"),
    [
        ("no_such_module:make", {}, "No module named"),
        (f"{HERE}:missing", {}, "missing"),
        (f"{HERE}:shout", {"loud": True}, "loud"),
        (f"{HERE}:no_runnable", {}, "neither a Runnable"),
    ],
)
def test_ray_map_model_that_cannot_be_built_in_the_actor_is_reported(
    tmp_path: Path, runnable: str, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(errors.InvalidOptionError, match=says):
        RayMap(runnable, arguments, workers=1, num_cpus=0.5).run(
            rows(2), tmp_path, show_progress=False
        )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"workers": 0}, "at least 1"),
        ({"workers": 2, "num_cpus": 1}, "would use all 2 cores of the cluster"),
        ({"input": "missing"}, "no column 'missing'"),
        ({"output": "input"}, "column 'input' already"),
        ({"key": "missing"}, "`key`"),
    ],
)
def test_ray_map_impossible_settings_are_refused_at_once(
    tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(errors.InvalidOptionError, match=says):
        two("shout", **options).run(rows(2), tmp_path)
    with pytest.raises(errors.InvalidOptionError, match="parquet"):
        two("shout").run(rows(2), tmp_path, format="csv")  # type: ignore[arg-type]  # a mistake
    with pytest.raises(errors.InvalidOptionError, match="import path"):
        RayMap("shout")


def test_ray_map_without_ray_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from langchain_localllm.scale import RayMap\n"
        "try: RayMap('a:b')\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert 'pip install "langchain-localllm[ray]"' in done.stdout


def test_ray_map_reports_no_usage_statistics() -> None:
    RayMap("a:b")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
