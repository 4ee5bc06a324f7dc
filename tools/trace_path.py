"""The files that one sentence passes on its way to its tags, traced in a real run.

    python tools/trace_path.py predict "私は明日学校に行きません"

Two spans, each with the shipped model in a warm process:

- ``predict``: from the command line's ``main`` to its exit, the tags printed;
- ``translate``: from ``Translator.translate`` to its return.

A file is passed when one of its functions is called. What runs while a module is imported does not count, nor do
comprehensions, nor the libraries. Files stand in the order of their first call, room by room. A call is upward if
it enters a room above the room of the nearest function of the package on the stack.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType

sys.path.insert(0, str(Path(__file__).parents[1]))


from tests.test_architecture import ROOMS

import jsl_seq2seq
from jsl_seq2seq import Translator
from jsl_seq2seq.cli.console import main as command_line

PACKAGE = Path(jsl_seq2seq.__file__).parent
MODULE = "<module>"
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


MOST_FILES = {"predict": 22, "translate": 14}
"""The bars: how many files a span may pass."""


@dataclass
class Route:
    """The way of a run through the package.

    Attributes:
        files: the functions called in each file, both in the order of their first call.
        upward: calls that enter a room above the caller's, as ``caller -> callee``.
    """

    files: dict[str, dict[str, int]] = field(default_factory=dict)
    upward: dict[str, int] = field(default_factory=dict)

    @property
    def functions(self) -> int:
        """How many different functions were called."""
        return sum(len(called) for called in self.files.values())

    def rooms(self) -> dict[str, list[str]]:
        """The files of each room, rooms in the order of their first call."""
        rooms: dict[str, list[str]] = {}
        for name in self.files:
            rooms.setdefault(room_of(name), []).append(name)
        return rooms


def room_of(name: str) -> str:
    """The room of a file such as ``cli/console.py``; empty for a file beside the rooms."""
    return name.partition("/")[0] if "/" in name else ""


def height(room: str) -> int:
    """0 for the top room; more for those below."""
    return ROOMS.index(room) if room in ROOMS else len(ROOMS)


def trace(run: Callable[[], object]) -> Route:
    """Call ``run`` and return the path through the package that it took in this thread."""
    found = Route()
    importing = 0
    names: dict[CodeType, str] = {}

    def name_of(code: CodeType) -> str:
        if code not in names:
            file = Path(code.co_filename)
            names[code] = file.relative_to(PACKAGE).as_posix() if file.is_relative_to(PACKAGE) else ""
        return names[code]

    def caller_of(frame: FrameType) -> tuple[str, str] | None:
        above = frame.f_back
        while above is not None:
            name = name_of(above.f_code)
            if name and above.f_code.co_name not in COMPREHENSIONS:
                return name, above.f_code.co_qualname
            above = above.f_back
        return None

    def profile(frame: FrameType, event: str, _: object) -> None:
        nonlocal importing
        code = frame.f_code
        if event not in ("call", "return"):
            return
        if code.co_name == MODULE:
            importing += 1 if event == "call" else -1
        if event == "return" or importing or code.co_name in COMPREHENSIONS:
            return
        name = name_of(code)
        if not name:
            return
        called = found.files.setdefault(name, {})
        called[code.co_qualname] = called.get(code.co_qualname, 0) + 1
        caller = caller_of(frame)
        if caller and height(room_of(caller[0])) > height(room_of(name)):
            call = f"{caller[0]}:{caller[1]} -> {name}:{code.co_qualname}"
            found.upward[call] = found.upward.get(call, 0) + 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(before)
    return found


def spans(text: str) -> Iterator[tuple[str, Route, str]]:
    """Each span's name, path and result for a sentence, with the shipped model."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        path = trace(lambda: _run(["--predict", text]))
    yield "predict", path, printed.getvalue().strip()
    translator = Translator.load()
    tags: list[str] = []
    yield "translate", trace(lambda: tags.append(str(translator.translate(text)))), tags[0]


def _run(arguments: Sequence[str]) -> None:
    with contextlib.suppress(SystemExit):
        command_line(arguments)


def show(name: str, path: Route) -> None:
    """Print a span's files, room by room."""
    print(f"{name}: {len(path.files)} files (at most {MOST_FILES[name]}), {path.functions} functions")
    for room, files in path.rooms().items():
        print(f"  {room or '(beside the rooms)'}")
        for file in files:
            called = path.files[file]
            print(f"    {file:<32}{len(called):>4}  {', '.join(called)}")
    for call, times in path.upward.items():
        print(f"  upward, {times} times: {call}")


def main() -> int:
    """Exit code 1 if a bar is missed or a call goes upward."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("span", choices=["predict"], help="what to run")
    parser.add_argument("text", help="the sentence")
    arguments = parser.parse_args()
    good = True
    for name, path, result in spans(arguments.text):
        show(name, path)
        print(f"  {result}\n")
        good &= len(path.files) <= MOST_FILES[name] and not path.upward
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
