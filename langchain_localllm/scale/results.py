"""Write results to disk or a bucket.

There is one complete file per batch, so that a stopped run can resume.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.scale.worker import Job, Worker

Format = Literal["parquet", "jsonl"]
FORMATS: Final = ("parquet", "jsonl")
_RUN: Final = "run.json"


@dataclass(frozen=True)
class Results:
    """A folder of results.

    Attributes:
        folder: A path that all machines share, or a URI that pyarrow knows, such as
            `s3://bucket/folder`.
        format: `parquet` or `jsonl`.
        key: The column that names a row.
    """

    folder: str
    format: Format
    key: str

    def begin(self, job: Job) -> None:
        """Make the folder, or see that its results are of the same job.

        Raises:
            InvalidOptionError: They are of another one.
        """
        files, folder = self._place()
        files.create_dir(folder, recursive=True)
        settled = repr(
            (
                job.runnable,
                sorted(job.arguments.items()),
                job.input,
                job.output,
                self.format,
                self.key,
            )
        )
        # arguments may hold keys
        now = {"runnable": job.runnable, "settings": hashlib.sha256(settled.encode()).hexdigest()}
        path = f"{folder}/{_RUN}"
        if files.get_file_info(path).is_file:
            with files.open_input_stream(path) as stream:
                before = json.loads(stream.read())
            if before != now:
                raise InvalidOptionError(
                    f"{self.folder} holds results of {before['runnable']} with other settings. "
                    "Give another folder, or delete it."
                )
        else:
            self._write(path, json.dumps(now).encode())

    def done(self) -> Any:
        """Return the keys of the rows that are done, as a pyarrow array."""
        import pyarrow as pa

        files, _ = self._place()
        keys = [key for path in self._parts() for key in self._keys(files, path)]
        return pa.array(keys)

    def write(self, table: Any) -> None:
        """Write the results of a batch as one file, named after its rows.

        A batch that is repeated replaces its file.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        _, folder = self._place()
        name = hashlib.sha256(repr(table.column(self.key).to_pylist()).encode()).hexdigest()[:20]
        if self.format == "parquet":
            sink = pa.BufferOutputStream()
            pq.write_table(table, sink)
            data = sink.getvalue().to_pybytes()
        else:
            rows = (json.dumps(row, ensure_ascii=False, default=str) for row in table.to_pylist())
            data = "".join(f"{row}\n" for row in rows).encode()
        self._write(f"{folder}/part-{name}.{self.format}", data)

    def _place(self) -> tuple[Any, str]:
        from pyarrow import fs

        return fs.FileSystem.from_uri(self.folder)  # type: ignore[no-any-return]  # pyarrow has no types

    def _parts(self) -> list[str]:
        from pyarrow import fs

        files, folder = self._place()
        found = files.get_file_info(fs.FileSelector(folder))
        return [
            info.path
            for info in found
            if info.base_name.startswith("part-") and info.path.endswith(f".{self.format}")
        ]

    def _keys(self, files: Any, path: str) -> list[Any]:
        import pyarrow.parquet as pq

        with files.open_input_file(path) as stream:
            if self.format == "parquet":
                return pq.read_table(stream, columns=[self.key]).column(self.key).to_pylist()  # type: ignore[no-any-return]
            return [json.loads(line)[self.key] for line in stream.read().splitlines()]

    def _write(self, path: str, data: bytes) -> None:
        files, folder = self._place()
        draft = f"{folder}/.{path.rpartition('/')[2]}.draft"
        with files.open_output_stream(draft) as stream:
            stream.write(data)
        files.move(draft, path)  # a run that is killed leaves no half of a file


class Writer(Worker):
    """Writes what it has done, and passes on only the counts."""

    def __init__(self, job: Job, results: Results) -> None:
        super().__init__(job)
        self._results = results

    def __call__(self, table: Any) -> Any:
        """Process the rows and write them.

        Return a table of one row with the numbers of rows and failures.
        """
        import pyarrow as pa

        if table.num_rows:
            done = super().__call__(table)
            self._results.write(done)
            return pa.table(
                {
                    "rows": [table.num_rows],
                    "errors": [table.num_rows - done.column(self._job.error).null_count],
                }
            )
        return pa.table({"rows": [0], "errors": [0]})
