"""`localllm rag`: an index of your files on disk, questions to it, and how good its answers are."""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_localllm.cli.app import USAGE
from langchain_localllm.cli.chat_models import AnswerTokens, ChatTemplate, Model, RefusalQuantile
from langchain_localllm.cli.indexing import index_paths
from langchain_localllm.cli.open_rag import (
    STORE,
    ContextTokens,
    EmbeddingModel,
    Passages,
    PassageSize,
    Remote,
    RerankerModel,
    Store,
    open_rag,
)
from langchain_localllm.cli.plot import Bar, write_bars
from langchain_localllm.cli.rag_output import note_problems, show_answer, show_passages
from langchain_localllm.cli.rag_serve import serve
from langchain_localllm.cli.stderr import Progress, print_stderr
from langchain_localllm.errors import InvalidOptionError, StoreError

if TYPE_CHECKING:
    from langchain_localllm.rag import Report
    from langchain_localllm.rag import Store as IndexStore
    from langchain_localllm.rag.profile import RagProfile

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help=(
            "Leave out files and folders, as a line of .gitignore does: '*.log', 'drafts/', "
            "'!keep.log'; can be given several times. It is kept for later runs; '' forgets it. "
            "Default: as before."
        ),
        show_default=False,
    ),
]
Gitignore = Annotated[
    bool | None,
    typer.Option(
        "--gitignore/--no-gitignore",
        help="Leave out what .gitignore files name. Default: as before, at first yes.",
        show_default=False,
    ),
]
Ocr = Annotated[
    str | None,
    typer.Option(
        "--ocr",
        metavar="LANGUAGES",
        help=(
            "Recognize the text of scans and pictures in these languages, with the program "
            "Tesseract: eng, deu+eng. It is kept for later runs; '' forgets it. Default: as "
            "before, at first none."
        ),
        show_default=False,
    ),
]
FileTimeout = Annotated[
    float | None,
    typer.Option(
        "--file-timeout",
        metavar="SECONDS",
        min=0,
        help=(
            "Name a file as a problem when reading it takes more processor time; 0 for no limit. "
            "It is kept for later runs. Default: as before, at first 120."
        ),
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback(invoke_without_command=True)
def _rag(context: typer.Context) -> None:
    """Index your files on disk, ask questions about them, and measure the answers."""
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(USAGE)


@app.command()
def index(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]",
            help="Files and folders. Default: the paths indexed before.",
            show_default=False,
        ),
    ] = None,
    *,
    store: Store = STORE,
    embedding_model: EmbeddingModel = "",
    vectors: Annotated[
        str,
        typer.Option(
            "--vectors",
            help=(
                "The vector store of a new index: chroma, or sqlite. Default: chroma if installed."
            ),
        ),
    ] = "",
    chunk_size: Annotated[
        int | None,
        typer.Option(
            "--chunk-size",
            min=1,
            help="Longest passage of a new index, in bytes of UTF-8. Default: 400.",
        ),
    ] = None,
    chunk_overlap: Annotated[
        int | None,
        typer.Option(
            "--chunk-overlap", min=0, help="Bytes that neighboring passages may share. Default: 0."
        ),
    ] = None,
    exclude: Exclude = None,
    gitignore: Gitignore = None,
    ocr: Ocr = None,
    file_timeout: FileTimeout = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Make the index from scratch, with its paths and settings."),
    ] = False,
    allow_remote: Remote = False,
    as_json: AsJson = False,
) -> None:
    """Bring the index up to date with files and folders.

    Files that did not change are skipped, and files that are gone are taken out. A run that was
    stopped resumes where it stopped.
    """
    options: dict[str, Any] = {
        "vectors": vectors or None,
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
    }
    given = {
        f"--{name.replace('_', '-')}": value
        for name, value in {"embedding_model": embedding_model, **options}.items()
    }
    with (
        _with_options(given),
        open_rag(
            store, None, embedding_model, allow_remote=allow_remote, rebuild=rebuild, **options
        ) as rag,
    ):
        report = index_paths(
            rag,
            paths or [],
            rebuild=rebuild,
            exclude=exclude,
            gitignore=gitignore,
            ocr=ocr,
            file_timeout=file_timeout,
        )
        counts = rag.store.catalog.counts()
    note_problems(report.problems, f"localllm rag list{_store_option(store)} --problems")
    if as_json:
        print(json.dumps(_fields(report) | {"index": _fields(counts)}, ensure_ascii=False))
        return
    print(_done(report, counts))


@app.command()
def watch(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]",
            help="Files and folders. Default: the paths indexed before.",
            show_default=False,
        ),
    ] = None,
    *,
    store: Store = STORE,
    embedding_model: EmbeddingModel = "",
    exclude: Exclude = None,
    gitignore: Gitignore = None,
    ocr: Ocr = None,
    file_timeout: FileTimeout = None,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look at all files again and again, for network drives.")
    ] = False,
    allow_remote: Remote = False,
    as_json: AsJson = False,
) -> None:
    """Keep the index up to date while files change, until Ctrl-C.

    It is updated now, and within about two seconds after each change. Other commands can use the
    index meanwhile.
    """
    with open_rag(store, None, embedding_model, allow_remote=allow_remote) as rag:
        index_paths(
            rag,
            paths or [],
            exclude=exclude,
            gitignore=gitignore,
            ocr=ocr,
            file_timeout=file_timeout,
            may_be_empty=True,
        )
        print_stderr("Watching the files of the index. Ctrl-C ends it.")
        seen: list[str] = []

        def show(report: "Report") -> None:
            counts = rag.store.catalog.counts()
            note_problems([problem for problem in report.problems if problem not in seen])
            seen[:] = report.problems
            line = (
                json.dumps(_fields(report) | {"index": _fields(counts)}, ensure_ascii=False)
                if as_json
                else _done(report, counts)
            )
            print(line, flush=True)

        rag.watch(
            (),
            show,
            on_error=lambda error: print_stderr(f"The index was not updated: {error}"),
            poll=poll,
        )


@app.command()
def search(
    query: Annotated[
        str,
        typer.Argument(metavar="QUERY", help="Words or a question, in quotes.", show_default=False),
    ],
    *,
    store: Store = STORE,
    embedding_model: EmbeddingModel = "",
    passages: Annotated[
        int, typer.Option("--passages", "-k", min=1, help="How many passages are shown.")
    ] = 10,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="Look in this file or folder only; can be given several times.",
            show_default=False,
        ),
    ] = None,
    reranker: RerankerModel = "",
    allow_remote: Remote = False,
    as_json: AsJson = False,
) -> None:
    """Show the passages of the index that fit words or a question best, without an answer."""
    if not query.strip():
        raise InvalidOptionError(
            'The query is empty. Search for something: localllm rag search "boat prices"'
        )
    query = query.encode(errors="replace").decode()  # a terminal may send invalid bytes
    options: dict[str, Any] = {
        "filter": {"source": _sources(store, source)} if source else None,
        "k": passages,
        "reranker": reranker,
        "refusal_quantile": 0,
    }
    with open_rag(store, None, embedding_model, allow_remote=allow_remote, **options) as rag:
        show_passages(rag, rag.retriever.invoke(query), as_json=as_json)


@app.command()
def ask(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="The question, in quotes.", show_default=False)
    ],
    *,
    store: Store = STORE,
    model: Model = "",
    embedding_model: EmbeddingModel = "",
    passages: Passages = None,
    passage_size: PassageSize = None,
    context_tokens: ContextTokens = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="Look in this file or folder only; can be given several times.",
            show_default=False,
        ),
    ] = None,
    max_tokens: AnswerTokens = None,
    chat_template: ChatTemplate = "",
    mmr: Annotated[
        bool, typer.Option("--mmr", help="Prefer passages that differ from each other.")
    ] = False,
    reranker: RerankerModel = "",
    refusal_quantile: RefusalQuantile = None,
    allow_remote: Remote = False,
    show_passages: Annotated[
        bool, typer.Option("--show-passages", help="Print the passages with their sources.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the index, and name the sources.

    Nothing leaves this machine. When nothing in the index has to do with the question, the model is
    not asked.
    """
    if not question.strip():
        raise InvalidOptionError(
            'The question is empty. Ask something: localllm rag ask "When does the library close?"'
        )
    question = question.encode(errors="replace").decode()  # a terminal may send invalid bytes
    wanted = {"source": _sources(store, source)} if source else None
    with open_rag(
        store,
        model,
        embedding_model,
        allow_remote=allow_remote,
        filter=wanted,
        max_tokens=max_tokens,
        chat_template=chat_template,
        k=passages,
        passage_size=passage_size,
        context_tokens=context_tokens,
        mmr=mmr,
        reranker=reranker,
        refusal_quantile=refusal_quantile,
    ) as rag:
        show_answer(rag, question, as_json=as_json, in_full=show_passages)


@app.command()
def chat(
    *,
    store: Store = STORE,
    model: Model = "",
    embedding_model: EmbeddingModel = "",
    passages: Passages = None,
    passage_size: PassageSize = None,
    context_tokens: ContextTokens = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="Look in this file or folder only; can be given several times.",
            show_default=False,
        ),
    ] = None,
    max_tokens: AnswerTokens = None,
    chat_template: ChatTemplate = "",
    reranker: RerankerModel = "",
    refusal_quantile: RefusalQuantile = None,
    allow_remote: Remote = False,
    as_json: AsJson = False,
) -> None:
    """Talk about your documents: a question can refer to the ones before.

    Ctrl-D ends it, Ctrl-C stops an answer.

    /sources lists the sources of the last answer, /open 2 shows source [2] in its file, and /help
    lists all commands. Lines from a pipe are taken as questions, one after another. With --json
    each answer is one line of JSON.
    """
    from langchain_localllm.cli.rag_chat import talk

    wanted = {"source": _sources(store, source)} if source else None
    with open_rag(
        store,
        model,
        embedding_model,
        allow_remote=allow_remote,
        filter=wanted,
        max_tokens=max_tokens,
        chat_template=chat_template,
        k=passages,
        passage_size=passage_size,
        context_tokens=context_tokens,
        reranker=reranker,
        refusal_quantile=refusal_quantile,
    ) as rag:
        talk(rag, as_json=as_json)


@app.command()
def status(*, store: Store = STORE, model: Model = "", as_json: AsJson = False) -> None:
    """Show the contents and the settings of the index, and the sizes of passages for a model."""
    from langchain_localllm.rag import Store as Index

    held = Index(store)
    counts, settings = held.catalog.counts(), held.catalog.settings()
    sizes = _profile(held, model)
    facts = {
        "store": str(store),
        **_fields(counts),
        "paths": settings["roots"],
        **{name: settings.get(name) for name in ("vectors", "embedding_model", "dimension")},
        **_fields(sizes),
    }
    other_sizes, old_words = held.other_sizes(), held.old_words()
    problems = [problem for _, _, problem in held.catalog.files() if problem]
    held.close()
    if as_json:
        print(
            json.dumps(
                facts | {"other_sizes": other_sizes, "old_words": old_words, "problems": problems},
                ensure_ascii=False,
            )
        )
        return
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        print(f"{name.replace('_', ' '):<16} {'' if shown is None else shown}")
    if other_sizes:
        print(f"{'other sizes':<16} {other_sizes}")
    if old_words:
        print(f"{'old words':<16} {old_words}")
    for problem in problems:
        print(f"{'unreadable file':<16} {problem}")


@app.command(name="list")
def list_(
    *,
    store: Store = STORE,
    problems: Annotated[
        bool, typer.Option("--problems", help="Only the files that were left out, with the reason.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the files of the index with their passage counts, or why a file was omitted."""
    from langchain_localllm.rag import Store as Index

    held = Index(store)
    files = [file for file in held.catalog.files() if file[2] or not problems]
    held.close()
    if as_json:
        print(
            json.dumps(
                [dict(zip(("path", "passages", "problem"), file, strict=True)) for file in files],
                ensure_ascii=False,
            )
        )
        return
    for path, passages, problem in files:
        print(problem or f"{path}: {passages} {'passage' if passages == 1 else 'passages'}")


@app.command()
def remove(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files and folders, by any path.")
    ],
    *,
    store: Store = STORE,
    allow_remote: Remote = False,
    as_json: AsJson = False,
) -> None:
    """Take files and folders out of the index, whether they exist or not.

    The files themselves are left alone. The next `rag index` adds a file of an indexed folder
    again; its `--exclude` leaves it out for good.
    """
    from langchain_localllm.rag import Store as Index
    from langchain_localllm.rag.answer.privacy import refuse_remote, silence_process
    from langchain_localllm.rag.index.update import remove as remove_paths

    silence_process()
    held = Index(store)
    if not allow_remote:
        refuse_remote(vectors=held.setting("vectors"))
    removed = remove_paths(held, paths)
    files = "file" if removed == 1 else "files"
    print(
        json.dumps({"removed": removed})
        if as_json
        else f"Removed from the index: {removed} {files}."
    )


@app.command()
def move(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help=(
                "chroma, sqlite, or qdrant:http://localhost:6333/NAME for a collection on a server."
            ),
        ),
    ],
    *,
    store: Store = STORE,
    embedding_model: EmbeddingModel = "",
    allow_remote: Remote = False,
) -> None:
    """Move the index to another vector store. Passages keep their ids.

    The old store is kept until the new one is whole.
    """
    from langchain_localllm.rag.answer.privacy import refuse_remote
    from langchain_localllm.rag.index.migrate import move as move_index

    if not allow_remote:
        refuse_remote(vectors=kind)
    with open_rag(store, None, embedding_model, allow_remote=allow_remote) as rag:
        moved = move_index(rag.store, kind)
    print(
        f"The index is on {kind.partition(':')[0]} now: {moved} passages moved."
        if moved
        else f"The index is on {kind} already."
    )


@app.command(name="eval")
def evaluation(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="Questions, as JSON lines. Default: they are made from the index.",
            show_default=False,
        ),
    ] = None,
    *,
    store: Store = STORE,
    model: Model = "",
    embedding_model: EmbeddingModel = "",
    passages: Passages = None,
    passage_size: PassageSize = None,
    context_tokens: ContextTokens = None,
    reranker: RerankerModel = "",
    most: Annotated[
        int,
        typer.Option(
            "--questions", min=1, help="How many questions are made, where no file is given."
        ),
    ] = 40,
    max_tokens: AnswerTokens = None,
    chat_template: ChatTemplate = "",
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write the questions that were made to this file."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the figures into this SVG file.")
    ] = None,
    allow_remote: Remote = False,
    as_json: AsJson = False,
) -> None:
    """Ask questions whose answers are known, and report how good the answers are.

    A line of FILE is {"question": ..., "answers": [...], "source": ..., "quote": ...}. Without
    answers, the documents have none, and the right thing is to say so.
    """
    from langchain_localllm.rag.eval.dataset import make_questions, read_questions, write_questions
    from langchain_localllm.rag.eval.evaluate import evaluate

    questions = read_questions(file) if file else None
    options: dict[str, Any] = {
        "max_tokens": max_tokens,
        "chat_template": chat_template,
        "k": passages,
        "passage_size": passage_size,
        "context_tokens": context_tokens,
        "reranker": reranker,
    }
    with open_rag(store, model, embedding_model, allow_remote=allow_remote, **options) as rag:
        if questions is None:
            questions = make_questions(rag.store, rag.llm, most)
            if write:
                write_questions(write, questions)
        with Progress("Asking") as progress:
            found = evaluate(rag, questions, progress)
    if plot:
        bars = [
            Bar(name, {"share": share}, f"{share:.0%}") for name, share in found.shares().items()
        ]
        write_bars(plot, f"Answers to {len(questions)} questions", bars)
    if as_json:
        print(json.dumps(found.as_dict()))
        return
    print(
        f"{found.questions} questions that the documents answer, {found.unanswerable} that "
        "they do not"
    )
    for name, share in found.shares().items():
        print(f"{name:<20}{share:>7.1%}")
    for name in ("retrieval", "first_token", "total"):
        print(f"{name.replace('_', ' '):<20}{getattr(found, name) * 1000:>6.0f} ms")


app.command()(serve)


@contextmanager
def _with_options(given: dict[str, Any]) -> Iterator[None]:
    """Complete the advice to rebuild the index by the options that were given."""
    options = "".join(
        f" {name} {shlex.quote(str(value))}"
        for name, value in given.items()
        if value not in {None, ""}
    )
    try:
        yield
    except StoreError as error:
        if options and str(error).endswith("--rebuild"):
            raise StoreError(f"{error}{options}") from error
        raise


def _profile(store: "IndexStore", reference: str) -> "RagProfile":
    """Return the sizes of an index, and of the prompt for a model."""
    from langchain_localllm.manage.resolve import resolve
    from langchain_localllm.model_info.info import model_info_from_file, parameters_in
    from langchain_localllm.rag.profile import profile_for_context

    model = resolve(reference, "chat")
    parameters = (
        model_info_from_file(model.path).parameters if model.path else parameters_in(model.name)
    )
    return profile_for_context(model.context, store.profile, parameters)


def _sources(store: Path, names: list[str]) -> list[str]:
    """Return the files of the index that a person names, by any path or the printed one."""
    from langchain_localllm.rag import Store as Index
    from langchain_localllm.rag.ingest.file_keys import FileKeys

    held = Index(store)
    keys = FileKeys(held.root, held.catalog.paths())
    problems = {
        path: problem
        for path, passages, problem in held.catalog.files()
        if problem and not passages
    }
    held.close()
    found = list(dict.fromkeys(key for name in names for key in keys.named(name)))
    if all(key in problems for key in found):
        raise InvalidOptionError(
            f"Nothing of {', '.join(names)} is in the index. {problems[found[0]]}"
        )
    return found


def _done(report: "Report", counts: Any) -> str:
    """Return what an update did, in a sentence."""
    done = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
    }
    what = ", ".join(f"{number} {name}" for name, number in done.items() if number) or "nothing"
    return f"Files: {what}. The index holds {counts.passages} passages of {counts.files} files."


def _store_option(store: Path) -> str:
    return "" if store == STORE else f" --store {store}"


def _fields(thing: Any) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in thing.__dataclass_fields__}
