"TEMPORARY: what modules that have not moved to `checking` yet still use. Deleted once they have."
from .checking import (Caches, as_arrays, check_shapes, kind, mapping, needed, step_cache, step_caches,
                       refuse, together, whole)
from .rnn.cell import RNNCache
from .lstm.cell import LSTMCache
_CACHE = "a_next c_next a_prev c_prev ft it cct ot xt parameters"
def _at_least_one(name, value): return whole(name, value)
def _not_a_dict(name, value): return TypeError(f"{name}: expected a dict of arrays by name, got {type(value).__name__}")
def checked(inputs, parameters, names):
    found = needed(parameters, names); arrays = as_arrays({**inputs, **found}); check_shapes(arrays); return tuple(arrays.values())
def _entries(cache, names): return step_cache(cache, LSTMCache if "c_next" in names else RNNCache)
def _step_caches(caches): return step_caches(caches).steps
def _sequence(caches, **upstream):
    caches = step_caches(caches); steps = caches.steps
    arrays = as_arrays({"a_next": steps[0][0], **upstream})
    sizes = check_shapes({"x": caches.x, **arrays}, T_x=len(steps))
    del arrays["a_next"]
    if sizes["T_da"] > len(steps):
        name, array = next(iter(arrays.items()))
        refuse(name, f"(n_a, m, T_da) with T_da at most T_x = {len(steps)}", str(array.shape))
    return [steps, *arrays.values()]
