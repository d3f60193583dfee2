"""Ask the tiny models about the handbook in `docs/handbook`, with the command that a user has: `make demo` runs this.

The models never saw the handbook in training. The exit code is 1 when an answer is wrong, so this is a check too.
"""

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HANDBOOK = "docs/handbook"

# Question -> words of the right answer. The handbook does not tell the last one.
QUESTIONS = {
    "Who is the warden?": "Odalys Fenn is the warden.",
    "How high is the hill?": "The hill is 143 metres high.",
    "What is the rowing boat called?": "The rowing boat is called Dunlin.",
    "Who is the dentist?": "The passages do not tell.",
}


def main() -> int:
    """Ask every question; the number of wrong answers decides the exit code."""
    wrong = 0
    for question, right in QUESTIONS.items():
        print(f"$ localllm ask {HANDBOOK} {shlex.quote(question)}", flush=True)
        command = [sys.executable, "-m", "langchain_localllm.cli", "ask", HANDBOOK, question]
        answer, code = _streamed(command)
        if right not in answer.split("\n\nSources:")[0]:
            wrong += 1
            print(f"Wrong: expected {right!r}, exit code {code}.\n", file=sys.stderr)
    print(f"{len(QUESTIONS) - wrong} of {len(QUESTIONS)} answers are right.")
    return 1 if wrong else 0


def _streamed(command: list[str]) -> tuple[str, int]:
    """Run a command, show what it prints while it prints it, and return that and the exit code."""
    shown: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8") as asked:  # noqa: S603 - our own
        while asked.stdout and (letter := asked.stdout.read(1)):
            print(letter, end="", flush=True)
            shown.append(letter)
    print()
    return "".join(shown), asked.returncode


if __name__ == "__main__":
    sys.exit(main())
