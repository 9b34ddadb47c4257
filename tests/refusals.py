"""The names that the calls in refusals.toml use: small networks, arrays and caches."""

from math import inf, nan

import numpy as np

from rnn_stepwise import *
from rnn_stepwise import checking, guard, watching


def ones(*shape):
    return np.ones(shape)


def without(table, name):
    return {key: value for key, value in table.items() if key != name}


rng = np.random.default_rng(0)
n_x, n_a, n_y, m, T_x = 3, 5, 2, 4, 6
x = rng.normal(size=(n_x, m, T_x))
a0, c0 = rng.normal(size=(2, n_a, m))
xt, a_prev, c_prev = x[:, :, 0], a0, c0

p = init_rnn_parameters(n_x, n_a, n_y, rng)
a, y_pred, rnn_caches = rnn_forward(x, a0, p)
rnn_steps, rnn_cache = rnn_caches[0], rnn_caches[0][0]

q = init_lstm_parameters(n_x, n_a, n_y, rng)
a_lstm, y, c, lstm_caches = lstm_forward(x, a0, q, c0)
lstm_steps, lstm_cache = lstm_caches[0], lstm_caches[0][0]

da, dc = rng.normal(size=(2, n_a, m, T_x))
da_next, dc_next = da[:, :, 0], dc[:, :, 0]
target, mask = np.round(y_pred), ones(m, T_x)
pair = Diagram({"p": Node((0, 0), "p"), "q": Node((2, 0), "q")}, [Edge("p", "q")])


def loss(arrays):
    "Of the output layer: it looks at Wya and by."
    return sequence_loss(rnn_forward(x, a0, p | arrays)[1], target)


class Broken:
    "Looks like an array until it is read."

    def __array__(self, *args, **kwargs):
        raise RuntimeError("boom")


class Lazy(dict):
    "Has names, and nothing under them when it is read."

    def __getitem__(self, name):
        raise KeyError(name)
