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
    of_sigmoid,
    of_tanh,
    one_by_one,
    read,
)

# What a state hears


def only_own(own, carry):
    return own


def only_carry(own, carry):
    return carry


def own_twice(own, carry):
    return 2 * own + carry


def carry_subtracted(own, carry):
    return own - carry


def writes_into_own(own, carry):
    own += carry
    return own


def only_last(da, t):
    own = da[:, :, t]
    return own if t == da.shape[2] - 1 else 0 * own


def not_last(da, t):
    "The loop begins one step too early"
    own = da[:, :, t]
    return own if t < da.shape[2] - 1 else 0 * own


def step_before(da, t):
    return da[:, :, t - 1]


def step_after(da, t):
    later = (t + 1) % da.shape[2]
    return da[:, :, later]


def with_the_past(da, t):
    own = da[:, :, t]
    return own + da[:, :, t - 1] if t else own


def ones(da, t):
    own = da[:, :, t]
    return np.ones_like(own)


# Reading a step


def x_before(steps, t):
    other = read(steps, t - 1)
    return read(steps, t)._replace(x=other.x)


def first_x(steps, t):
    first = read(steps, 0)
    return read(steps, t)._replace(x=first.x)


def another_state(steps, t):
    "a_next where a_prev belongs"
    step = read(steps, t)
    return step._replace(a_prev=step.a)


def another_cache(steps, t):
    "The cache of the step after"
    later = min(t + 1, len(steps) - 1)
    return read(steps, later)


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


def through(da, step):
    "The part of δc that comes through the hidden state"
    tanh_c = np.tanh(step.c)
    return da * step.gates["o"] * of_tanh(tanh_c)


def lost_parenthesis(gate):
    "The slope multiplies only one of the two parts"

    def change(da, dc, step, dz):
        f, i, candidate, _ = step.gates.values()
        factor = {"f": step.c_prev, "i": candidate, "c": i}
        slope = {"f": of_sigmoid(f), "i": of_sigmoid(i), "c": of_tanh(candidate)}
        memory = dc + through(da, step) * slope[gate]
        return {gate: memory * factor[gate]}

    return in_front(change)


def closed_too_late(da, dc, step, dz):
    "Printed so: the 1 has lost what it multiplies, and nothing is linear any more"
    _, i, candidate, o = step.gates.values()
    tanh_c = np.tanh(step.c)
    product = tanh_c**2 * i * da * of_tanh(candidate)
    return {"c": dc * i + o * (1 - product)}


def candidate_for_memory(da, dc, step, dz):
    "c̃ where the memory before belongs"
    f, _, candidate, _ = step.gates.values()
    memory = dc + through(da, step)
    return {"f": memory * candidate * of_sigmoid(f)}


def rescaled(**factors):
    "The gradient in front of some gates times a function of the step"

    def change(da, dc, step, dz):
        return {gate: dz[gate] * factor(step) for gate, factor in factors.items()}

    return in_front(change)


def forget_slope(step):
    "Γ in place of Γ (1 - Γ)"
    rest = 1 - step.gates["f"]
    return 1 / np.maximum(rest, 1e-300)


def twice_tanh(step):
    candidate = step.gates["c"]
    right, wrong = of_tanh(candidate), of_tanh(np.tanh(candidate))
    return wrong / np.maximum(right, 1e-300)


def older_memory(step):
    before, after = np.tanh(step.c_prev), np.tanh(step.c)
    return before / np.where(after == 0, 1, after)


def memory_of(combine):
    "Another δc in all that contains it"

    def gates(da, dc, step):
        output = by_activations(da, dc, step)[0]["o"]
        wrong = combine(da, dc, step)
        dz, dc_prev = by_activations(0 * da, wrong, step)
        return dz | {"o": output}, dc_prev

    return gates


def without_slope(da, dc, step):
    return dc + da * step.gates["o"]


def without_gate(da, dc, step):
    tanh_c = np.tanh(step.c)
    return dc + da * of_tanh(tanh_c)


def without_dc(da, dc, step):
    return through(da, step)


def carried(change):
    "Another gradient of the memory before"

    def gates(da, dc, step):
        dz, _ = by_activations(da, dc, step)
        return dz, change(da, dc, step)

    return gates


def whole_memory(da, dc, step):
    return dc + through(da, step)


def forgotten_dc(da, dc, step):
    return dc * step.gates["f"]


def past_the_slope(da, dc, step):
    "What comes from above goes on without the slope"
    dz, dc_prev = by_activations(da, dc, step)
    return {gate: d + 0.1 * da for gate, d in dz.items()}, dc_prev


def swapped_gates(da, dc, step, dz):
    return {"f": dz["i"], "i": dz["f"]}


# To weights, biases, and what the weights acted on


def products(change):
    "What a mistake makes of the right dW, db and what goes back"

    def wrong(dz, step):
        dW, db, back = gate_by_gate(dz, step)
        found = {"dW": dW, "db": db, "back": back}
        found |= change(dz, step, **found)
        return tuple(found.values())

    return wrong


def not_transposed(dz, step, dW, db, back):
    "The square part of the weights, which lets it pass"
    n_a, square = len(step.a), 0
    for gate, W in matrices(step.p).items():
        square = square + W[:, :n_a] @ dz[gate]
    return {"back": np.concatenate([square, back[n_a:]])}


def rows_swapped(dz, step, dW, db, back):
    n_x = len(step.x)
    return {"back": np.roll(back, -n_x, axis=0)}


def bias_mean(dz, step, dW, db, back):
    m = step.x.shape[1]
    return {"db": {gate: d / m for gate, d in db.items()}}


def bias_of_one(dz, step, dW, db, back):
    return {"db": {gate: d[:, :1] for gate, d in dz.items()}}


def weights_transposed(dz, step, dW, db, back):
    n_a, turned = len(step.a), {}
    for gate, d in dW.items():
        turned[gate] = d.copy()
        turned[gate][:, :n_a] = d[:, :n_a].T
    return {"dW": turned}


def without_upstream(dz, step, dW, db, back):
    "The derivative of the state in place of that of the loss"
    one = np.ones_like(step.a)
    slopes, _ = by_activations(one, 0 * one, step)
    return {"dW": {gate: slopes[gate] @ step.z.T for gate in dW}}


def one_gate_missing(dz, step, dW, db, back):
    W = matrices(step.p)["o"]
    return {"back": back - W.T @ dz["o"]}


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
    return {name: g[:, :, ::-1] if name == "dx" else g for name, g in gradients.items()}


def one_step_late(gradients, da):
    return {name: np.roll(g, 1, axis=2) if name == "dx" else g for name, g in gradients.items()}


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


def biases_continued(gradients, da):
    "Each bias continues the running total of the first"
    found = dict(gradients)
    for name in ("dbi", "dbc", "dbo"):
        found[name] = gradients["dbf"] + gradients[name]
    return found


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
    "carry dropped": Way(hears=only_own, hears_memory=only_own),
    "only the last da": Way(own=only_last),
    "da never used": Way(hears=only_carry),
    "da twice": Way(hears=own_twice),
    "carry subtracted": Way(hears=carry_subtracted),
    "da of the step after": Way(own=step_after),
    "da of the step before": Way(own=step_before),
    "da of the step before, too": Way(own=with_the_past),
    "last step skipped": Way(own=not_last),
    "ignores what comes from above": Way(own=ones),
    "writes into da": Way(hears=writes_into_own),
    "x of the step before": Way(read=x_before),
    "x of the first step": Way(read=first_x),
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
    "tanh of a tanh": Way(gates=rnn_slope(lambda step: of_tanh(np.tanh(step.a)))),
    "slope forgotten": Way(gates=rnn_slope(lambda step: 1)),
    "slope of the state before": Way(gates=rnn_slope(lambda step: of_tanh(step.a_prev))),
    "slope not squared": Way(gates=rnn_slope(lambda step: 1 - step.a)),
}
LSTM = {
    "da_prev dropped": Way(hears=only_own),
    "dc_prev dropped": Way(hears_memory=only_own),
    "parenthesis lost in (8)": Way(gates=lost_parenthesis("c")),
    "parenthesis lost in (9)": Way(gates=lost_parenthesis("i")),
    "parenthesis lost in (10)": Way(gates=lost_parenthesis("f")),
    "closed too late in (8)": Way(gates=in_front(closed_too_late)),
    "tanh of a tanh in (8)": Way(gates=rescaled(c=twice_tanh)),
    "half a slope in (10)": Way(gates=rescaled(f=forget_slope)),
    "tanh of the memory before": Way(gates=rescaled(o=older_memory)),
    "candidate in (10)": Way(gates=in_front(candidate_for_memory)),
    "memory after in (10)": Way(read=memory_after),
    "c0 a view of c": Way(read=view_of_c),
    "gates f and i swapped": Way(gates=in_front(swapped_gates)),
    "no slope in (L4)": Way(gates=memory_of(without_slope)),
    "no gate in (L4)": Way(gates=memory_of(without_gate)),
    "no dc in (L4)": Way(gates=memory_of(without_dc)),
    "(16) without a gate": Way(gates=carried(whole_memory)),
    "(16) of dc alone": Way(gates=carried(forgotten_dc)),
    "o missing in (15)": Way(products=products(one_gate_missing)),
    "biases continued": Way(finish=biases_continued),
    "first memory silent": Way(finish=some_times(0, lambda name: name in ("dc0", "dc_prev"))),
}


def making(ways):
    "Name → a function that makes the pass"
    made = {name: partial(replace, way) for name, way in ways.items()}
    return made | {"keeps what it found": keeping}


MISTAKES = {"rnn": making(EITHER | RNN), "lstm": making(EITHER | LSTM)}
