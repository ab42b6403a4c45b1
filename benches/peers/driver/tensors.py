"""The layers' tensors, as files that every worker reads, and what has to come out of them."""

import numpy as np

SEED = 20
# A slope is neither a power of two, which would hide rounding, nor negative: oneDNN in place reads the sign off y.
SLOPES = (0.05, 0.45)


def make(folder, layers, signs, seed=SEED):
    """Writes the tensors of these layers to `folder` and returns them.

    No pre-activation is zero: peers disagree there.
    """
    random = np.random.default_rng(seed)
    x = random.standard_normal(layers.elements, dtype=np.float32)
    x[x == 0] = 1
    if signs == "positive":
        np.abs(x, out=x)
    upstream = random.standard_normal(layers.elements, dtype=np.float32)
    slopes = random.uniform(*SLOPES, layers.shape[1]).astype(np.float32)
    for name, values in (("x", x), ("g", upstream), ("slopes", slopes)):
        values.tofile(folder / f"{name}.f32")
    return x, upstream, slopes


def check(peer, folder, layers, tensors):
    """Compares what the peer wrote under the prefix `check` with the formula; returns the first difference, or None.

    y and dx have to be equal. da is a sum of n terms, in f32 at worst: each of its n - 1 additions and each term (a
    product, and for a mask y / a in place of x: three roundings) is off by 2^-24 of the sum of absolute values at most.
    """
    x, upstream, slopes = (values.reshape(shape) for values, shape in zip(
        tensors, (layers.shape, layers.shape, (-1, *[1] * (len(layers.shape) - 2))), strict=True))
    g = upstream if peer.upstream == "given" else np.ones_like(upstream)
    found = {name: np.fromfile(folder / f"check.{name}.f32", dtype=np.float32) for name in ("y", "dx", "da")}
    for name, values in (("y", np.where(x > 0, x, slopes * x)), ("dx", np.where(x > 0, g, slopes * g))):
        wrong = np.flatnonzero(found[name] != values.ravel()) if found[name].size == values.size else [0]
        if len(wrong):
            at = wrong[0]
            return (f"{name}[{at}] of {list(layers.shape)} is {found[name].ravel()[at:at + 1]}, "
                    f"{values.ravel()[at]} is right ({len(wrong)} differ)")
    terms = np.where(x > 0, 0, g.astype(np.float64) * x)
    if peer.destroys_input:
        terms = terms * slopes
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    da, bound = terms.sum(axes), np.abs(terms).sum(axes) * 2.0**-24 * (x.size // x.shape[1] + 3)
    off = np.abs(found["da"] - da) if found["da"].size == da.size else np.full_like(da, np.inf)
    if not (off <= bound).all():
        at = int(np.argmax(off - bound))
        return f"da[{at}] of {list(layers.shape)} is off by {off[at]}, {bound[at]} is accepted"
    return None
