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
    "When does the library close?": "9:50 in the evening",
    "Who is the warden?": "Odalys Fenn",
    "Where is the first-aid box?": "pantry",
    "Who is the dentist?": "The passages do not tell.",
}


def main() -> int:
    """Ask every question; the number of wrong answers decides the exit code."""
    wrong = 0
    for question, right in QUESTIONS.items():
        print(f"$ localllm ask {HANDBOOK} {shlex.quote(question)}", flush=True)
        command = [sys.executable, "-m", "langchain_localllm.cli", "ask", HANDBOOK, question]
        asked = subprocess.run(  # noqa: S603 - our own command
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False
        )
        print(asked.stdout)
        if right not in asked.stdout.split("\n\nSources:")[0]:
            wrong += 1
            print(f"Wrong: expected {right!r}, exit code {asked.returncode}.\n", file=sys.stderr)
    print(f"{len(QUESTIONS) - wrong} of {len(QUESTIONS)} answers are right.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
