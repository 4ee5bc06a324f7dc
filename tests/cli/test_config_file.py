"""Options in a TOML file: what is read, what is refused with its line, and that what is written trains the same
again."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from jsl_seq2seq.cli.app import application, function
from jsl_seq2seq.cli.config_file import TRAIN_CONFIG, keys_of
from jsl_seq2seq.store import load_model

from ..refusals import is_japanese
from ..small_models import EIGHT_LINES, same_training_state
from .conftest import Program, Result
from .test_options import options_of

SHAPE = """
d_model = 8
n-layers = 1  # as it is spelt on the command line
d_ff = 16
max_seq_len = 24
batch_size = 3
backend = "ndarray"
data = "eight.tsv"
epochs = 2
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes ``my.toml`` beside the data, which stands in the working directory."""
    (tmp_path / "eight.tsv").write_text(EIGHT_LINES, encoding="utf-8")
    (tmp_path / "検証 1.tsv").write_text(
        "わたしはいきます\t<私> <飲む>\nありがとう\t<ありがとう>\n", encoding="utf-8"
    )

    def to_file(text: str, name: str = "my.toml", encoding: str = "utf-8") -> Path:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding=encoding)
        return Path(name)

    return to_file


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8-sig"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_stands_for_options(program: Program, write: Write, tmp_path: Path, encoding: str) -> None:
    config = write(SHAPE.replace("\n", "\r\n"), encoding=encoding)
    assert program("train", "--config", config, "--save", "m", "--quiet") == (0, "m\n", "")
    typed = [
        part for key, value in read(config).items() for part in (f"--{key.replace('_', '-')}", str(value))
    ]
    assert program("train", *typed, "--save", "n", "--quiet").code == 0
    assert same_training_state(*(load_model(tmp_path / name, training_state=True) for name in ("m", "n")))


def test_options_on_the_command_line_have_precedence(program: Program, write: Write, tmp_path: Path) -> None:
    config = write(
        SHAPE
        + 'seed = 4\nvalid = "検証 1.tsv"\nkeep = "average"\naverage = 2\nmetric = "exact"\nquiet = true\n'
    )
    done = program("train", "--config", config, "--save", "m", "--seed", "7", "--epochs=1", "--d-model", "16")
    assert done == (0, "m\n", "")
    model = load_model(tmp_path / "m")
    assert (model.training.seed, model.training.epochs, model.config.d_model) == (7, 1, 16)
    assert (model.training.average, model.config.d_ff) == (2, 16)
    assert program("train", "--config", config, "--save", "n", "--keep", "last").code == 0
    assert load_model(tmp_path / "n").training.keep == "last"  # average has no effect then, and is no mistake


@pytest.mark.parametrize(
    ("text", "typed", "wanted"),
    [
        ("batch_size = 3", ["--batch-tokens", "50"], {"batch_tokens": 50}),
        ("batch_tokens = 50", ["--batch-size", "4"], {"batch_tokens": 0, "batch_size": 4}),
        ("batch_tokens = 50", ["--batch-tokens", "0"], {"batch_tokens": 0, "batch_size": 8}),
        ('preset = "small"\nbatch_size = 3', [], {"batch_size": 3, "dropout": 0.1}),
        ("dropout = 0.2\nbatch_size = 3", ["--preset", "small"], {"batch_size": 64, "dropout": 0.1}),
        ("tied_embeddings = false", ["--preset", "small"], {"batch_size": 64}),
    ],
    ids=str,
)
def test_what_excludes_each_other(
    program: Program, write: Write, tmp_path: Path, text: str, typed: list[str], wanted: dict[str, Any]
) -> None:
    """What is typed, a preset's settings included, is above all of the file; in each, a setting is above a preset."""
    rest = ["--d-model", "8", "--n-layers", "1", "--d-ff", "16", "--epochs", "1", "--n-heads", "2"]
    done = program(
        "train", "--config", write(text), *typed, *rest, "--data", "eight.tsv", "--backend", "ndarray",
        "--save", "m", "--quiet",
    )  # fmt: skip
    assert done.code == 0, done.err
    training = load_model(tmp_path / "m").training
    assert {name: getattr(training, name) for name in wanted} == wanted


KINDS: dict[str, str] = {
    "plain": "",
    "every kind": """
accumulate = 2
dropout = 0.1
label_smoothing = 0.05
clip_norm = 0.5
position_shift = 3
keep = "average"
average = 2
seed = 5
tied_embeddings = true
learning_rate = 0.0030000000000000001
checkpoint_every = 1
no_training_state = false
valid = "検証 1.tsv"
""",
    "best": 'valid = "検証 1.tsv"\nkeep = "best"\npatience = 1\nmetric = "exact"\nschedule = "inverse-sqrt"\n',
    "tokens": "batch_tokens = 40\nconsistency = 0.5\ndropout = 0.2\n",
    "words": 'source_units = "word"\ntarget_units = "words"\nmin_count = 1\n',
    "characters of tags": 'target_tokenizer = "char"\nsubstitutions = 2\n',
    "subwords of tags": 'target_tokenizer = "subword"\ntarget_vocab = 60\n',
    "chosen units": 'source_units = "auto"\ntarget_tokenizer = "auto"\n',
    "subwords": 'source_units = "subword"\nsubword_vocab = 40\n',
}


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS.keys())
def test_a_runs_own_file_trains_the_same_weights(
    program: Program, write: Write, tmp_path: Path, text: str
) -> None:
    shape = SHAPE.replace("batch_size = 3\n", "") if "batch_tokens" in text else SHAPE
    first = program("train", "--config", write(shape + text), "--save", "モデル/1", "--quiet")
    assert first.code == 0, first.err
    own = tmp_path / "モデル" / "1" / TRAIN_CONFIG
    # the file names every setting, so that another default, or another preset, changes nothing
    again = program("train", "--config", own, "--save", "m", "--quiet")
    assert again.code == 0, again.err
    one, other = (load_model(path, training_state=True) for path in (own.parent, tmp_path / "m"))
    assert same_training_state(one, other)
    assert (one.config, one.training, one.stages[0].settings) == (
        other.config,
        other.training,
        other.stages[0].settings,
    )
    assert read(own) == read(tmp_path / "m" / TRAIN_CONFIG)


def test_a_run_that_continues_another_names_it(program: Program, write: Write, tmp_path: Path) -> None:
    config = write(SHAPE)
    assert program("train", "--config", config, "--save", "m", "--quiet").code == 0
    tuned = ["--load", tmp_path / "m", "--backend", "ndarray", "--epochs", "2", "--quiet", "--dropout", "0.1"]
    assert program("train", *tuned, "--save", "n").code == 0
    own = read(tmp_path / "n" / TRAIN_CONFIG)
    assert own["load"] == "m" and "d_model" not in own  # which are that model's; and no absolute path
    assert program("train", "--config", "n/train.toml", "--save", "o", "--quiet").code == 0
    assert same_training_state(*(load_model(tmp_path / name, training_state=True) for name in ("n", "o")))
    in_place = program(
        "train", "--load", tmp_path / "n", "--save", tmp_path / "n", "--epochs", "1", "--quiet"
    )
    assert in_place.code == 0
    assert "写し" in (tmp_path / "n" / TRAIN_CONFIG).read_text(encoding="utf-8")


def test_a_resumed_run_keeps_what_it_began_with(program: Program, write: Write, tmp_path: Path) -> None:
    assert program("train", "--config", write(SHAPE), "--save", "m", "--quiet").code == 0
    begun = ["--load", "m", "--save", "n", "--epochs", "2", "--backend", "ndarray", "--quiet"]
    assert program("train", *begun).code == 0
    before = read(tmp_path / "n" / TRAIN_CONFIG)
    resumed = ["--resume", "--save", "n", "--data", "eight.tsv", "--epochs", "5", "--backend", "ndarray"]
    assert program("train", *resumed, "--quiet").code == 0
    assert read(tmp_path / "n" / TRAIN_CONFIG) == before | {"epochs": 3, "data": "eight.tsv"}  # of the 5


def test_the_file_that_is_asked_for(program: Program, write: Write, tmp_path: Path) -> None:
    """A preset stands in it as its settings, and what was asked for beside them stays."""
    done = program(
        "train", "--config", write(SHAPE), "--preset", "tiny", "--tied-embeddings", "--save", "m",
        "--save-config", "設定 1.toml", "--predict", "ありがとう",
    )  # fmt: skip
    assert done.code == 0 and "設定を書きました: 設定 1.toml" in done.err
    assert done.err.index("設定を書きました") < done.err.index(
        "エポック（"
    )  # a training that is stopped has it, too
    written = read(tmp_path / "設定 1.toml")
    assert written["d_model"] == 16 and written["tied_embeddings"] is True and written["save"] == "m"
    assert written["predict"] == ["ありがとう"] and not {"preset", "config", "save_config"} & set(written)
    assert program("train", "--config", "設定 1.toml", "--save", "n", "--quiet").code == 0
    assert same_training_state(*(load_model(tmp_path / name, training_state=True) for name in ("m", "n")))


@pytest.mark.parametrize("place", ["mine.toml", "m/train.toml"])
def test_a_file_of_the_users_is_not_written_over(
    program: Program, write: Write, tmp_path: Path, place: str
) -> None:
    mine = write(SHAPE, place)
    done = program("train", "--config", mine, "--save", "m", "--save-config", "mine.toml")
    assert (done.code, done.out) == (2, "") and place in done.err
    assert (tmp_path / place).read_text(encoding="utf-8") == SHAPE
    assert not (tmp_path / "m" / "config.json").exists()


MISTAKES: list[tuple[str, int, str]] = [
    ("epoch = 3", 1, "もしかして: epochs"),
    ("\n# 説明\nlearning-rte = 0.1", 3, "もしかして: learning_rate"),
    ("zzz = 1", 1, "--help"),
    ('config = "other.toml"', 1, "そのような項目はありません"),
    ("[training]\nepochs = 3", 1, "見出し"),
    ('epochs = 3\n"batch size" = 3', 2, "batch_size"),
    ("batch_size = 3\nbatch-size = 4", 2, "2 つ"),
    ("epochs = 3\nepochs = 4", 2, "TOML"),
    ("epochs 3", 1, "TOML"),
    ('data = "a', 1, "TOML"),
    ("epochs = " + "9" * 5000, 0, "TOML"),
    ('epochs = "3"', 1, "整数"),
    ("epochs = 3.0", 1, "整数"),
    ("epochs = true", 1, "整数"),
    ('dropout = "0.1"', 1, "数で"),
    ("dropout = 1" + "0" * 400, 1, "数で"),
    ("data = true", 1, "文字列で"),
    ("data = 1979-05-27", 1, "文字列で"),
    ('quiet = "yes"', 1, "true か false"),
    ('predict = "ありがとう"', 1, "文字列の一覧"),
    ('predict = ["ありがとう", 3.5]', 1, "文字列で"),
    ("d_model = 15", 1, "--d-model"),
    ("\nepochs = 0", 2, "--epochs"),
    ("dropout = nan", 1, "--dropout"),
    ('schedule = "linear"', 1, "--schedule"),
    ('\npreset = "huge"', 2, "--preset"),
    ("force_export = true", 1, "--force-export"),
    ("average = 3", 1, "--average"),
    ("patience = 3", 1, "--patience"),
    ('data = "nothing.tsv"', 0, "nothing.tsv"),
    ('data = "a\\u0000b"', 0, "この場所は使えません"),
]


@pytest.mark.parametrize(("text", "line", "named"), MISTAKES, ids=[text[:30] for text, _, _ in MISTAKES])
def test_mistakes_name_the_file_and_the_line(
    program: Program, write: Write, tmp_path: Path, text: str, line: int, named: str
) -> None:
    config = write(text)
    before = set(tmp_path.iterdir())
    done = program("train", "--config", config, "--save", "m", "--backend", "ndarray")
    assert (done.code, done.out) == (2, "") and named in done.err
    assert is_japanese(done.err) and "Traceback" not in done.err and len(done.err) < 1000
    if line:
        assert f"my.toml の {line} 行目" in done.err
    assert set(tmp_path.iterdir()) == before


def refused(program: Program, path: Path) -> Result:
    done = program("train", "--config", path, "--save", "m")
    assert (done.code, done.out) == (2, "") and str(path) in done.err
    return done


def test_files_that_cannot_be_read(program: Program, write: Write, tmp_path: Path) -> None:
    assert "ありません" in refused(program, Path("nothing.toml")).err
    assert "読めません" in refused(program, tmp_path).err
    assert "cp932" in refused(program, write('data = "データ.tsv"', encoding="cp932")).err


def test_a_mistake_that_was_typed_is_not_the_files(program: Program, write: Write) -> None:
    done = program("train", "--config", write("epochs = 3"), "--epochs", "0")
    assert done.code == 2 and "--epochs" in done.err and "my.toml" not in done.err


def test_every_option_is_a_key() -> None:
    """The command's own parameters are the table: an option that is added can stand in a file."""
    command: Any = typer.main.get_command(application(["train"]))
    params = command.commands["train"].params
    keys = keys_of(function("train"), {one.name: one.opts[0] for one in params if one.name != "help"})
    assert {f"--{key.replace('_', '-')}" for key in keys} == options_of("train") - {
        "--config",
        "--save-config",
    }
    assert (keys["epochs"].kind, keys["learning_rate"].kind, keys["save"].kind) == (int, float, Path)
    assert keys["predict"].several and keys["resume"].kind is bool and keys["json"].parameter == "as_json"
