"""``bouton run``, ``show`` and ``demo``: what they do and print, and what they refuse."""

import json

import bouton
import click
import numpy as np
import pytest
from bouton import Circuit, Ports, Synapse, delayed, parameter, port, static
from bouton._cli import main
from bouton.testing import Full
from click.testing import CliRunner
from jaxtyping import Array, Float


class Gate(bouton.Component):
    """Fires whenever its input is at least 1; x counts up what arrived."""

    n_units: int = static(dim="unit", doc="population size")
    step: bouton.Param = parameter(default=1.0, doc="what an input of 1 adds to x")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", doc="input")

    class State(Ports):
        x: Float[Array, "*batch unit"] = port("mV", doc="what arrived")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")

    def advance(self, s, x, tick):
        return self.State(x=s.x + self.step * x.j), self.Out(s=(x.j >= 1).astype(x.j.dtype))


@click.command()
@click.argument("word")
@click.option("--loud", is_flag=True)
def greet(word, loud):
    """Say a word."""
    if word == "silence":
        raise bouton.RunError("there is nothing to say.")
    click.echo(word.upper() if loud else word)
    click.get_current_context().exit(3 if word == "three" else 0)


def echo(*arguments):
    """Say all arguments."""
    click.echo(" ".join(arguments))


PLUGINS = bouton.PluginSet.of(
    {
        "component": {"Gate": Gate, "Synapse": Synapse},
        "topology": {"Full": Full},
        "transmission": {"Instant": bouton.Instant},
        "initialiser": {"Constant": bouton.Constant},
        "demo": {"greet": greet, "echo": echo},
    },
    dist="gates",
)


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """The exit code and the output of one command, in a folder with a model file."""
    monkeypatch.chdir(tmp_path)
    with PLUGINS.use():
        circuit = Circuit(
            {"a": Gate(2), "ff": Synapse(Full(2, 3)), "b": Gate(3, step=0.5)},
            {"ff.pre": delayed("a.s", 1.0), "b.j": "ff.current"},
        )
        bouton.save(circuit, "model.yaml")

        def cli(*arguments):
            result = CliRunner().invoke(main, [str(a) for a in arguments])
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
            return result.exit_code, result.output

        yield cli


def lines(output):
    return [" ".join(line.split()) for line in output.splitlines()]


def ran(cli, *arguments):
    """The run that a command stored."""
    code, output = cli("run", "model.yaml", "--to", "run.zarr", "--quiet", *arguments)
    assert (code, output) == (0, "")
    return bouton.open("run.zarr")


# ---- run -------------------------------------------------------------------------------------------------------------


def test_run(cli):
    code, output = cli("run", "model.yaml", "--to", "run.zarr", "--duration", 10, "--dt", 0.5, "--seed", 3,
                       "--input", "a.j=1", "--record", "a.s", "--record", "a.s=4:sum", "--record", "b.x=5")  # fmt: skip
    assert code == 0
    first, *variables = lines(output)
    assert first.startswith("10 ms (20 steps of 0.5 ms) in ") and "; run.zarr, " in first
    assert [line.split("]")[0] for line in variables] == [
        "a.s (time: 20, unit: 2) bool [1",
        "a.s_sum (time_4: 5, unit: 2) float32 [count",
        "b.x (time_5: 4, unit: 3) float32 [mV",
    ]
    run = bouton.open("run.zarr")
    assert run["a.s"].values.all() and (run["a.s_sum"] == 4).all()
    assert run["b.x"].values[:, 0].tolist() == [3, 8, 13, 18]  # two spikes of 0.5 a step, two steps late
    assert run.tree.attrs["seed"] == 3


def test_run_keeps_quiet_and_overwrites_only_when_asked(cli):
    ran(cli, "--duration", 1, "--input", "a.j=0")
    code, output = cli("run", "model.yaml", "--to", "run.zarr", "--duration", 2, "--input", "a.j=0")
    assert code == 1
    assert output == "Error: run.zarr exists already: choose another folder, or add --overwrite.\n"
    assert bouton.open("run.zarr").tree.attrs["duration"] == 1
    assert ran(cli, "--duration", 2, "--input", "a.j=0", "--overwrite").tree.attrs["duration"] == 2


def test_run_without_records_says_so(cli):
    _, output = cli("run", "model.yaml", "--to", "run.zarr", "--duration", 1, "--input", "a.j=0")
    assert lines(output)[1] == "none; --record exc.s would have kept the spikes of a node exc"


def test_an_input_from_a_file_is_constant_or_a_row_per_step(cli):
    np.save("constant.npy", np.array([0.25, 2.0]))
    x = ran(cli, "--duration", 4, "--input", "a.j=constant.npy", "--record", "a.x")["a.x"]
    assert x.values.tolist() == [[0.25 * n, 2.0 * n] for n in (1, 2, 3, 4)]
    series = np.arange(8.0).reshape(4, 2)
    np.save("series.npy", series)
    x = ran(cli, "--duration", 4, "--input", "a.j=series.npy", "--record", "a.x", "--overwrite")["a.x"]
    np.testing.assert_array_equal(x, series.cumsum(0))


def test_samples_are_presented(cli):
    np.save("images.npy", np.arange(6.0).reshape(3, 2, 1))  # images of 2 by 1 pixels
    how = ("--present", 2, "--rest", 1, "--record", "a.x=trial", "--record", "a.s=sum:trial")
    run = ran(cli, *how, "--input", "a.j=images.npy")
    assert run["a.x"].values.tolist() == [[0, 2], [4, 6], [8, 10]]
    assert run["a.s_sum"].values.tolist() == [[0, 2], [2, 2], [2, 2]]
    assert "simulated 9 ms (9 steps of 1 ms), 3 presentations of 2 ms and 1 ms of rest" in lines(
        cli("show", "run.zarr")[1]
    )
    np.save("films.npy", np.arange(12.0).reshape(3, 2, 2))  # two steps of two values for each
    run = ran(cli, *how, "--input", "a.j=films.npy", "--overwrite")
    assert run["a.x"].values.tolist() == [[2, 4], [10, 12], [18, 20]]


def test_batches_and_no_learning(cli):
    run = ran(cli, "--duration", 2, "--input", "a.j=1", "--record", "a.s", "--batch", 3, "--no-learn")
    assert run["a.s"].sizes == {"time": 2, "batch": 3, "unit": 2}
    assert run.tree.attrs["learn"] is False
    shown = lines(cli("show", "run.zarr")[1])
    assert {"learning off", "batch 3, learning from their mean"} < set(shown)
    about = json.loads(cli("show", "run.zarr", "--json")[1])
    assert (about["batch"], about["batch_reduce"], about["x64"]) == (3, "mean", False)
    assert about["record"] == {"a.s": [{"reduce": "last", "every": 1, "per": "step"}]}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--duration", 1, "--batch", 0), 1, "batch must be a whole number of at least 1, got 0."),
        ((), 2, "say how long: either --duration MS, or --present MS with inputs of a row per sample."),
        (("--duration", 1, "--present", 1), 2, "say how long: either --duration MS, or --present MS"),
        (("--duration", 1, "--rest", 1), 2, "--rest goes with --present."),
        (("--duration", 0), 1, "duration must be a number > 0 ms, got 0.0."),
        (("--duration", 1.5), 1, "duration of 1.5 ms is not a whole number of steps of 1 ms"),
        (("--duration", 1), 1, "nothing feeds 'a.j': wire it, or give it in inputs=."),
        (("--duration", 1, "--input", "a.j=1", "--record", "a.z=1"), 1, "record: unknown state or output 'a.z'."),
        (("--duration", 1, "--record", "a.s=0"), 1, "Record.every must be a whole number of at least 1, got 0."),
        (("--duration", 1, "--record", "a.s=summ"), 1, "Record.reduce: unknown 'summ'. Did you mean 'sum'?"),
        (("--duration", 1, "--record", "a.s=2:3"), 2, "'a.s=2:3' says 2 and '3': one of them."),
        (("--duration", 1, "--input", "a.j"), 2, "'a.j' must be NAME=NUMBER or NAME=FILE.npy, e.g. image.x=0.5."),
        (("--duration", 1, "--input", "a.j=1", "--input", "a.j=2"), 2, "'a.j' is given twice."),
        (("--duration", 1, "--input", "a.j=much"), 1, "--input a.j=much: must be a number or a .npy file."),
        (
            ("--duration", 1, "--input", "a.j=no.npy"),
            1,
            "--input a.j: no.npy cannot be read: No such file or directory.",
        ),
        (("--duration", 1, "--input", "a.j=bad.npy"), 1, "--input a.j: bad.npy cannot be read: "),
        (
            ("--duration", 1, "--input", "a.j=three.npy"),
            1,
            "--input a.j: three.npy holds an array of shape (3,); expected (2,) or (time, 2).",
        ),
        (("--duration", 1, "--input", "a.i=three.npy"), 1, "unknown input 'a.i'. Did you mean 'a.j'?"),
    ],
)
def test_what_run_refuses(cli, tmp_path, arguments, code, message):
    (tmp_path / "bad.npy").write_text("not an array")
    np.save("three.npy", np.ones(3))
    found, output = cli("run", "model.yaml", "--to", "run.zarr", *arguments)
    assert found == code
    assert message in " ".join(output.split())
    assert not (tmp_path / "run.zarr").exists()


def test_run_needs_a_model(cli):
    code, output = cli("run", "modle.yaml", "--to", "run.zarr", "--duration", 1)
    assert code == 1 and output.startswith("Error: modle.yaml: there is no such file. Did you mean 'model.yaml'?")


# ---- show ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(cli):
    ran(cli, "--duration", 10, "--input", "a.j=1", "--record", "a.s", "--record", "b.x=5")
    return cli


def test_show(stored):
    with bouton.PluginSet.of({}).use():  # none of what took part is needed
        code, output = stored("show", "run.zarr")
    assert code == 0
    shown = lines(output)
    assert shown[0].startswith("run.zarr finished, ")
    assert {"simulated 10 ms (10 steps of 1 ms)", "seed 0", "learning on"} < set(shown)
    circuit = shown.index("circuit")
    assert shown[circuit + 1 : circuit + 4] == [
        "a Gate(n_units=2, step=1.0)",
        "ff Synapse(topology=Full(n_pre=2, n_post=3), weights=1.0, gain=1.0, bias=None, release=None, "
        "transmission=Instant(unit=1), plasticity=None, constraints=[], backward=False, changes=False)",
        "b Gate(n_units=3, step=0.5)",
    ]
    assert "advance b (Gate): j <- ff.current" in shown
    x = shown[-1]
    assert x.startswith("b.x (time_5: 2, unit: 3) float32 [mV] ") and x.endswith("B what arrived")


def test_show_as_json(stored, tmp_path):
    code, output = stored("show", "run.zarr", "--json")
    assert code == 0
    about = json.loads(output)
    files = [f for f in (tmp_path / "run.zarr").rglob("*") if f.is_file()]
    assert about["bytes"] == sum(f.stat().st_size for f in files)
    assert (about["finished"], about["committed_steps"], about["dt"], about["duration"]) == (True, 10, 1.0, 10.0)
    assert about["versions"]["bouton"] and list(about["circuit"]["nodes"]) == ["a", "ff", "b"]
    (x,) = (v for v in about["variables"] if v["name"] == "b.x")
    assert 0 < x.pop("bytes") < about["bytes"]
    assert x == {
        "name": "b.x", "dims": {"time_5": 2, "unit": 3}, "dtype": "float32", "units": "mV", "long_name": "what arrived",
    }  # fmt: skip


def test_show_a_run_that_was_not_finished(cli):
    def fails(tick):
        return np.nan

    with pytest.raises(bouton.RunError, match="became nan"):
        circuit = bouton.load("model.yaml")
        bouton.simulate(circuit, 10.0, inputs={"a.j": fails}, record={"a.s": 1}, to="run.zarr", chunk=5)
    code, output = cli("show", "run.zarr")
    assert code == 0 and output.startswith("run.zarr  not finished: ")


def test_resume_finishes_or_extends_a_run(cli):
    circuit = bouton.load("model.yaml")
    asked = {"inputs": {"a.j": 1.0}, "record": {"a.s": 1}, "shard": 5, "progress": False}
    bouton.simulate(circuit, 10.0, **asked, to="run.zarr")
    code, output = cli("resume", "run.zarr", "--duration", "25")
    assert code == 0 and output.startswith("25 ms (25 steps of 1 ms) in ")
    assert bouton.open("run.zarr")["a.s"].sizes["time"] == 25
    assert cli("resume", "run.zarr", "--quiet") == (0, "")
    code, output = cli("resume", "run.zarr", "--duration", "30", "--input", "a.j=2")
    assert code == 1 and output.startswith("Error: inputs['a.j'] differs from what run.zarr has been fed up to here.")
    assert cli("resume", "nothing") == (1, "Error: there is no run at 'nothing'.\n")


def test_branch_goes_on_elsewhere(cli):
    circuit = bouton.load("model.yaml")
    bouton.simulate(circuit, 10.0, inputs={"a.j": 1.0}, record={"a.x": 1}, to="run.zarr", progress=False)
    how = ("--duration", "15", "--set", "a.step=3", "--input", "a.j=2", "--no-learn")
    code, output = cli("branch", "run.zarr", "--to", "new.zarr", *how)
    assert code == 0 and output.startswith("5 ms (5 steps of 1 ms) in ")
    assert bouton.open("new.zarr")["a.x"].values[:, 0].tolist() == [16, 22, 28, 34, 40]
    code, output = cli("show", "new.zarr")
    assert code == 0 and "branched off  run.zarr at step 10" in output and "learning      off" in output
    code, output = cli("branch", "run.zarr", "--to", "other.zarr", "--set", "a.step=three")
    assert code == 2 and "'a.step=three' must be NAME=NUMBER, e.g. exc.tau_m=20." in output


def test_ctrl_c_says_how_to_go_on(cli, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bouton._store.ZarrStore, "write", interrupt)
    code, output = cli(
        "run", "model.yaml", "--to", "run.zarr", "--duration", "9", "--input", "a.j=1", "--record", "a.s"
    )
    told = "run.zarr holds everything up to step 0: go on with bouton.resume('run.zarr'), or otherwise with "
    told += "bouton.branch."
    assert (code, output) == (1, f"Error: interrupted. {told}\n")


def test_show_a_run_that_lacks_its_circuit(cli):
    circuit = bouton.load("model.yaml")
    with bouton.PluginSet.of({}).use():
        with pytest.warns(UserWarning, match="the run will not contain its circuit"):
            bouton.simulate(circuit, 1.0, inputs={"a.j": 1.0}, to="run.zarr")
        shown = lines(cli("show", "run.zarr")[1])
    (missing,) = (line for line in shown if line.startswith("not stored: "))
    assert "is not registered by any plugin" in missing


def test_show_a_sweep(cli):
    circuit = bouton.load("model.yaml")
    bouton.simulate(circuit, 1.0, inputs={"a.j": 1.0}, sweep={"seed": range(2), "b.step": [1, 2]}, to="run.zarr")
    shown = lines(cli("show", "run.zarr")[1])
    assert "sweep seed, b.step" in shown and not any(line.startswith("seed ") for line in shown)


def test_show_what_is_no_run(cli, tmp_path):
    assert cli("show", "nothing") == (1, "Error: there is no run at 'nothing'.\n")
    assert cli("show", tmp_path) == (1, f"Error: {str(tmp_path)!r} is not a run of bouton.\n")


# ---- demo ------------------------------------------------------------------------------------------------------------


def test_demos_are_listed(cli):
    for arguments in (("demo",), ("demo", "--help")):
        code, output = cli(*arguments)
        assert code == 0
        assert lines(output)[-3:] == ["Demos:", "echo of gates 0", "greet of gates 0"]


def test_no_demos(cli):
    with bouton.PluginSet.of({}).use():
        assert lines(cli("demo")[1])[-1] == "none no installed plugin has one"


def test_a_demo_gets_the_arguments(cli):
    assert cli("demo", "greet", "hello", "--loud") == (0, "HELLO\n")
    assert cli("demo", "echo", "hello", "--loud", "-x", "2") == (0, "hello --loud -x 2\n")
    assert cli("demo", "gates/greet", "three") == (3, "three\n")
    code, output = cli("demo", "greet", "--help")
    assert code == 0 and output.startswith("Usage: main demo greet [OPTIONS] WORD\n\n  Say a word.")
    code, output = cli("demo", "greet", "hello", "--lout")
    assert code == 2 and "No such option" in output and "--loud" in output


def test_a_demo_that_fails_or_is_not_there(cli):
    assert cli("demo", "greet", "silence") == (1, "Error: there is nothing to say.\n")
    code, output = cli("demo", "grete")
    assert code == 1
    assert output.startswith("Error: no installed plugin provides the demo 'grete'. Did you mean 'greet'?")
