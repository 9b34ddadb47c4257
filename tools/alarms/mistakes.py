"""Backward passes that are wrong: each is a `Way` with a mistake in one of its parts.

`MISTAKES[network]` has them by name, as functions that make a new one, because one remembers.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from tools.alarms.passes import (
    Way,
    by_activations,
    gate_by_gate,
    matrices,
    one_by_one,
    own_and_future,
    read,
    squared_secant,
)

# What a state hears


def hears(da, dc, carry, t, *, own=1, future=1, memory=1, shift=0, last=False):
    "The sum of what arrives, each part times a number; the own part of another step"
    T = da.shape[2]
    if last and t < T - 1:
        own = 0
    return (
        own * da[:, :, (t + shift) % T] + future * carry[0],
        dc[:, :, t] + memory * carry[1],
    )


def writes_into_da(da, dc, carry, t):
    da[:, :, t] += carry[0]
    return da[:, :, t], dc[:, :, t] + carry[1]


def deaf_at_the_end(da, dc, carry, t):
    "The loop begins one step too early"
    heard = own_and_future(da, dc, carry, t)
    return heard if t < da.shape[2] - 1 else (0 * heard[0], 0 * heard[1])


def ones_arrive(da, dc, carry, t):
    return np.ones_like(da[:, :, t]) + carry[0], dc[:, :, t] + carry[1]


# Reading a step


def another_x(steps, t, *, of):
    return read(steps, t)._replace(x=read(steps, of(t)).x)


def another_state(steps, t):
    "a_next where a_prev belongs"
    step = read(steps, t)
    return step._replace(a_prev=step.a)


def another_cache(steps, t):
    "The cache of the step after"
    return read(steps, min(t + 1, len(steps) - 1))


def view_of_c(steps, t):
    "The first memory has been overwritten by the second"
    step = read(steps, t)
    return step._replace(c_prev=step.c) if t == 0 else step


def memory_after(steps, t):
    step = read(steps, t)
    return step._replace(c_prev=step.c)


# Through the nonlinearities


def in_front(change):
    "What a mistake makes of the right gradients in front of the gates"

    def gates(da, dc, step):
        dz, dc_prev = by_activations(da, dc, step)
        return dz | change(da, dc, step, dz), dc_prev

    return gates


def rnn_slope(change):
    return in_front(lambda da, dc, step, dz: {"a": da * change(step)})


def parts_of_memory(da, dc, step):
    "δc in its two parts: from above, and through the hidden state"
    return dc, da * step.gates["o"] * (1 - np.tanh(step.c) ** 2)


def lost_parenthesis(gate):
    "The slope multiplies only one of the two parts"

    def change(da, dc, step, dz):
        f, i, candidate, _ = step.gates.values()
        factor = {"f": step.c_prev, "i": candidate, "c": i}[gate]
        slope = {"f": f * (1 - f), "i": i * (1 - i), "c": 1 - candidate**2}[gate]
        direct, through = parts_of_memory(da, dc, step)
        return {gate: (direct + through * slope) * factor}

    return in_front(change)


def closed_too_late(da, dc, step, dz):
    "Printed so: the 1 has lost what it multiplies, and nothing is linear any more"
    _, i, candidate, o = step.gates.values()
    slope, tanh_c = 1 - candidate**2, np.tanh(step.c)
    return {"c": dc * i + o * (1 - tanh_c**2 * i * da * slope)}


def rescaled(**factors):
    "The gradient in front of some gates times a function of the step"
    return in_front(lambda da, dc, step, dz: {g: dz[g] * factors[g](step) for g in factors})


def forget_slope(step):
    return 1 / np.maximum(1 - step.gates["f"], 1e-300)


def twice_tanh(step):
    candidate = step.gates["c"]
    return (1 - np.tanh(candidate) ** 2) / np.maximum(1 - candidate**2, 1e-300)


def older_memory(step):
    tanh_c = np.tanh(step.c)
    return np.tanh(step.c_prev) / np.where(tanh_c == 0, 1, tanh_c)


def memory_of(combine):
    "Another δc in all that contains it"

    def gates(da, dc, step):
        direct, through = parts_of_memory(da, dc, step)
        wrong = combine(direct, through, da, step)
        dz, dc_prev = by_activations(0 * da, wrong, step)
        output = by_activations(da, dc, step)[0]["o"]
        return dz | {"o": output}, dc_prev

    return gates


def carried_memory(change):
    def gates(da, dc, step):
        dz, dc_prev = by_activations(da, dc, step)
        return dz, change(da, dc, step, dc_prev)

    return gates


def past_the_slope(da, dc, step):
    "What comes from above goes on without the slope"
    dz, dc_prev = by_activations(da, dc, step)
    return {gate: d + 0.1 * da for gate, d in dz.items()}, dc_prev


def swapped_gates(da, dc, step, dz):
    return {"f": dz["i"], "i": dz["f"]}


# To weights, biases, and what the weights acted on


def products(change):
    def wrong(dz, step):
        return change(dz, step, *gate_by_gate(dz, step))

    return wrong


def not_transposed(dz, step, dW, db, back):
    "The square part of the weights, which lets it pass"
    n_a = len(step.a)
    square = sum(W[:, :n_a] @ dz[gate] for gate, W in matrices(step.p).items())
    return dW, db, np.concatenate([square, back[n_a:]])


def rows_swapped(dz, step, dW, db, back):
    n_x = len(step.x)
    return dW, db, np.concatenate([back[n_x:], back[:n_x]])


def bias_mean(dz, step, dW, db, back):
    return dW, {gate: d / step.x.shape[1] for gate, d in db.items()}, back


def bias_of_one(dz, step, dW, db, back):
    return dW, {gate: d[:, :1] for gate, d in dz.items()}, back


def weights_transposed(dz, step, dW, db, back):
    n_a = len(step.a)
    turned = {}
    for gate, d in dW.items():
        turned[gate] = np.concatenate([d[:, :n_a].T, d[:, n_a:]], axis=1)
    return turned, db, back


def without_upstream(dz, step, dW, db, back):
    "The derivative of the state in place of that of the loss"
    z = np.concatenate([step.a_prev, step.x])
    slopes, _ = by_activations(np.ones_like(step.a), np.zeros_like(step.a), step)
    return {gate: slopes[gate] @ z.T for gate in dW}, db, back


def one_gate_missing(dz, step, dW, db, back):
    return dW, db, back - matrices(step.p)["o"].T @ dz["o"]


# The sum over steps


def last_of(parts):
    return parts[-1]


def without_the_first_step(parts):
    return one_by_one(parts[:-1]) if len(parts) > 1 else 0 * parts[0]


def without_the_last_step(parts):
    return one_by_one(parts[1:]) if len(parts) > 1 else 0 * parts[0]


def step_mean(parts):
    return one_by_one(parts) / len(parts)


# What is returned


def all_times(factor):
    def finish(gradients, da):
        return {name: factor(da) * gradient for name, gradient in gradients.items()}

    return finish


def some_times(factor, where):
    "Results times a factor, if where(name)"

    def finish(gradients, da):
        return {name: factor * g if where(name) else g for name, g in gradients.items()}

    return finish


def reversed_in_time(gradients, da):
    if "dx" not in gradients:
        return gradients
    return gradients | {"dx": gradients["dx"][:, :, ::-1]}


def one_step_late(gradients, da):
    if "dx" not in gradients:
        return gradients
    return gradients | {"dx": np.roll(gradients["dx"], 1, axis=2)}


def one_entry(gradients, da):
    "The largest number of one result is off by a hundredth"
    name = max(gradients)
    wrong = gradients[name].copy()
    largest = np.unravel_index(abs(wrong).argmax(), wrong.shape)
    wrong[largest] *= 1.01
    return gradients | {name: wrong}


def clipped(gradients, da):
    "At half the largest number of each"
    found = {}
    for name, gradient in gradients.items():
        limit = abs(gradient).max() / 2
        found[name] = np.clip(gradient, -limit, limit)
    return found


def four_decimals(gradients, da):
    return {name: gradient.round(4) for name, gradient in gradients.items()}


def biases_from_the_first(gradients, da):
    "Each bias continues the running total of another one"
    return gradients | {f"db{gate}": gradients["dbf"] + gradients[f"db{gate}"] for gate in "ico"}


def keeping():
    "A pass that adds to what it found in the call before"
    before = {}

    def finish(gradients, da):
        for name, gradient in gradients.items():
            same = np.shape(before.get(name)) == gradient.shape
            before[name] = before[name] + gradient if same else gradient
        return dict(before)

    return Way(finish=finish)


EITHER = {
    "carry dropped": Way(hears=partial(hears, future=0, memory=0)),
    "only the last da": Way(hears=partial(hears, last=True)),
    "da never used": Way(hears=partial(hears, own=0)),
    "da twice": Way(hears=partial(hears, own=2)),
    "carry subtracted": Way(hears=partial(hears, future=-1)),
    "da of the step after": Way(hears=partial(hears, shift=1)),
    "da of the step before": Way(hears=partial(hears, shift=-1)),
    "last step skipped": Way(hears=deaf_at_the_end),
    "ignores what comes from above": Way(hears=ones_arrive),
    "writes into da": Way(hears=writes_into_da),
    "x of the step before": Way(read=partial(another_x, of=lambda t: t - 1)),
    "x of the first step": Way(read=partial(another_x, of=lambda t: 0)),
    "a_next for a_prev": Way(read=another_state),
    "cache of the step after": Way(read=another_cache),
    "past the slope": Way(gates=past_the_slope),
    "W not transposed": Way(products=products(not_transposed)),
    "rows swapped": Way(products=products(rows_swapped)),
    "bias: mean of examples": Way(products=products(bias_mean)),
    "bias of one example": Way(products=products(bias_of_one)),
    "dW transposed": Way(products=products(weights_transposed)),
    "dW without upstream": Way(products=products(without_upstream)),
    "sum overwritten": Way(total=last_of),
    "first step not summed": Way(total=without_the_first_step),
    "last step not summed": Way(total=without_the_last_step),
    "mean over steps": Way(total=step_mean),
    "sign": Way(finish=all_times(lambda da: -1)),
    "over m": Way(finish=all_times(lambda da: 1 / da.shape[1])),
    "1e-5 off": Way(finish=all_times(lambda da: 1 + 1e-5)),
    "one result 1e-5 off": Way(finish=some_times(1 + 1e-5, lambda name: name[:2] == "db")),
    "first state silent": Way(finish=some_times(0, lambda name: name in ("da0", "da_prev"))),
    "dx reversed in time": Way(finish=reversed_in_time),
    "dx one step late": Way(finish=one_step_late),
    "one entry 1 % off": Way(finish=one_entry),
    "clipped": Way(finish=clipped),
    "four decimals": Way(finish=four_decimals),
}
RNN = {
    "tanh of a tanh": Way(gates=rnn_slope(lambda step: 1 - np.tanh(step.a) ** 2)),
    "slope forgotten": Way(gates=rnn_slope(lambda step: 1)),
    "slope of the state before": Way(gates=rnn_slope(lambda step: 1 - step.a_prev**2)),
    "slope not squared": Way(gates=rnn_slope(lambda step: 1 - step.a)),
}
LSTM = {
    "da_prev dropped": Way(hears=partial(hears, future=0)),
    "dc_prev dropped": Way(hears=partial(hears, memory=0)),
    "parenthesis lost in (8)": Way(gates=lost_parenthesis("c")),
    "parenthesis lost in (9)": Way(gates=lost_parenthesis("i")),
    "parenthesis lost in (10)": Way(gates=lost_parenthesis("f")),
    "closed too late in (8)": Way(gates=in_front(closed_too_late)),
    "tanh of a tanh in (8)": Way(gates=rescaled(c=twice_tanh)),
    "half a slope in (10)": Way(gates=rescaled(f=forget_slope)),
    "tanh of the memory before": Way(gates=rescaled(o=older_memory)),
    "memory after in (10)": Way(read=memory_after),
    "c0 a view of c": Way(read=view_of_c),
    "gates f and i swapped": Way(gates=in_front(swapped_gates)),
    "no slope in (L4)": Way(gates=memory_of(lambda dc, through, da, s: dc + da * s.gates["o"])),
    "no gate in (L4)": Way(
        gates=memory_of(lambda dc, through, da, s: dc + da * squared_secant(s.c))
    ),
    "no dc in (L4)": Way(gates=memory_of(lambda dc, through, da, s: through)),
    "(16) without a gate": Way(
        gates=carried_memory(lambda da, dc, s, dc_prev: sum(parts_of_memory(da, dc, s)))
    ),
    "(16) of dc alone": Way(gates=carried_memory(lambda da, dc, s, dc_prev: dc * s.gates["f"])),
    "o missing in (15)": Way(products=products(one_gate_missing)),
    "biases continued": Way(finish=biases_from_the_first),
    "first memory silent": Way(finish=some_times(0, lambda name: name in ("dc0", "dc_prev"))),
}


def making(ways):
    "Name → a function that makes the pass"
    made = {name: partial(replace, way) for name, way in ways.items()}
    return made | {"keeps what it found": keeping}


MISTAKES = {"rnn": making(EITHER | RNN), "lstm": making(EITHER | LSTM)}
