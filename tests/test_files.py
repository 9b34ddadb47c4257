"""Parameters on disk: what is written can be read back, and nothing else."""

import numpy as np
import pytest

import rnn_stepwise as rs
from networks import network
from rnn_stepwise.checking import error_of


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_network_comes_back_as_it_was(tmp_path, kind, dtype):
    saved = network(kind, dtype=dtype).parameters
    shuffled = dict(reversed(saved.items()))
    rs.save_parameters(tmp_path / "p.npz", shuffled)
    loaded = rs.load_parameters(tmp_path / "p.npz")
    table = rs.RNN_PARAMETERS if kind == "rnn" else rs.LSTM_PARAMETERS
    assert list(loaded) == list(table)  # in the order of the alphabet, however it was written
    for name in saved:
        np.testing.assert_array_equal(loaded[name], saved[name], strict=True)


def test_save_keeps_the_old_file_when_writing_fails(tmp_path, monkeypatch):
    file = tmp_path / "p.npz"
    old, new = (network("rnn", seed=seed).parameters for seed in range(2))
    rs.save_parameters(file, old)

    def full(out, **arrays):
        out.write(b"half")
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(np, "savez", full)
        assert error_of(rs.save_parameters, file, new) == "OSError: disk full"
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]
    np.testing.assert_array_equal(rs.load_parameters(file)["Wax"], old["Wax"], strict=True)


def test_load_never_unpickles(tmp_path):
    parameters = network("rnn").parameters
    pickled = np.array([[print], [print]])
    np.savez(tmp_path / "p.npz", **{**parameters, "by": pickled})
    np.save(tmp_path / "p.npy", parameters["Wax"])
    for name in "p.npz", "p.npy":
        message = error_of(rs.load_parameters, tmp_path / name)
        assert message.startswith("ValueError: file: expected an .npz of parameters, got ")


def test_files_that_are_no_network_are_refused(tmp_path):
    parameters, file = network("lstm").parameters, tmp_path / "p.npz"
    rs.save_parameters(file, parameters)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert error_of(rs.load_parameters, file).startswith("ValueError: file: expected an .npz of")
    np.savez(file, **{**parameters, "Wo": np.ones((5, 7))})
    assert error_of(rs.load_parameters, file).startswith(
        "ValueError: Wo: expected (n_a, n_a + n_x)"
    )
    assert error_of(rs.load_parameters, tmp_path / "none.npz").startswith("FileNotFoundError: ")


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_the_order_of_a_file_is_not_that_of_the_parameters(tmp_path, kind):
    parameters = network(kind).parameters
    file = tmp_path / "p.npz"
    np.savez(file, **dict(reversed(parameters.items())))
    loaded = rs.load_parameters(file)
    assert list(loaded) == list(rs.RNN_PARAMETERS if kind == "rnn" else rs.LSTM_PARAMETERS)
    for name in parameters:
        np.testing.assert_array_equal(loaded[name], parameters[name])
