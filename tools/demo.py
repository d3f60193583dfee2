"""Ask the tiny models about the handbook in `docs/handbook`: `make demo` runs this.

It uses the command that a user has. The models never saw the handbook in training. The exit code is
1 when an answer is wrong, so this is a check too.
"""

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HANDBOOK = "docs/handbook"

# Question -> words of the right answer. The handbook does not answer the last one.
QUESTIONS = {
    "Who is the warden?": "Odalys Fenn is the warden.",
    "How high is the hill?": "The hill is 143 metres high.",
    "What is the rowing boat called?": "The rowing boat is called Dunlin.",
    "Who is the dentist?": "The documents don't say.",
}


def main() -> int:
    """Index the handbook and ask every question.

    The number of wrong answers decides the exit code.
    """
    wrong = 0
    _, code = _shown("rag", "index", HANDBOOK)
    if code:
        return code
    for question, right in QUESTIONS.items():
        answer, code = _shown("rag", "ask", question)
        if right not in answer.split("\n\nSources:")[0]:
            wrong += 1
            print(f"Wrong: expected {right!r}, exit code {code}.\n", file=sys.stderr)
    print(f"{len(QUESTIONS) - wrong} of {len(QUESTIONS)} answers are right.")
    command = Path(sys.executable).with_name("localllm")
    print(f"Open the same in a page: {command} ui {HANDBOOK}")
    return 1 if wrong else 0


def _shown(*arguments: str) -> tuple[str, int]:
    """Run the command, print its output while it runs, and return that and the exit code."""
    print(f"$ localllm {shlex.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "langchain_localllm.cli", *arguments]
    shown: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # so that a remark comes after the answer
        text=True,
        encoding="utf-8",
    ) as asked:
        while asked.stdout and (letter := asked.stdout.read(1)):
            print(letter, end="", flush=True)
            shown.append(letter)
    print()
    return "".join(shown), asked.returncode


if __name__ == "__main__":
    sys.exit(main())
