"""The loops over pixels of regrain, compiled: weights, and one step of Jacobi's, on the rows ``top`` to ``bottom``.

Rows of different calls may be worked on at once. All arrays are float32.
"""

import numpy as np

from limner.foundation.machine.compiled import compiled

HALF = np.float32(0.5)
EDGE = np.float32(256 / 5)
GRAIN = np.float32(10)
STEP = np.float32(0.8)  # of Jacobi's step that is taken
REST = np.float32(0.2)
TINY = np.finfo(np.float32).tiny


@compiled
def weigh_rows(original, strength, smoothness, least, knee, psi, phi, top, bottom):  # type: ignore[no-untyped-def]
    """Fill rows of psi and phi, (h, w), from ``original`` (channels, h, w); strength is 30 h, h = 2^-level.

    least: of psi. knee: the gradient at which phi is halved, beyond which it falls to nothing; 0: never.
    """
    channels, height, width = original.shape
    square = np.empty(width, np.float32)
    for y in range(top, bottom):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        square[:] = 0
        for channel in range(channels):
            here, over, under = original[channel, y], original[channel, above], original[channel, below]
            for x in range(width):
                square[x] += (under[x] - over[x]) ** 2
            for x in range(1, width - 1):
                square[x] += (here[x + 1] - here[x - 1]) ** 2
            if width > 1:
                square[0] += (here[1] - here[0]) ** 2
                square[width - 1] += (here[width - 1] - here[width - 2]) ** 2
        for x in range(width):
            gradient = np.sqrt(square[x])
            psi[y, x] = max(min(EDGE * gradient, np.float32(1)), least)
            phi[y, x] = strength * smoothness / (smoothness + GRAIN * gradient + TINY)
            if knee > 0:
                phi[y, x] /= np.float32(1) + (gradient / knee) ** 4


@compiled
def step_rows(change, wanted, psi, phi, result, top, bottom):  # type: ignore[no-untyped-def]
    """Fill rows of ``result`` by one step from ``change``; both and ``wanted`` (channels, h, w), psi and phi (h, w)."""
    channels, height, width = change.shape
    last = width - 1
    up, down, fixed = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    left, right = np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(top, bottom):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        # A neighbor beyond the border is the pixel itself.
        left[0], right[last] = phi[y, 0], phi[y, last]
        for x in range(last):
            right[x] = HALF * (phi[y, x] + phi[y, x + 1])
            left[x + 1] = HALF * (phi[y, x] + phi[y, x + 1])
        for x in range(width):
            up[x] = HALF * (phi[y, x] + phi[above, x])
            down[x] = HALF * (phi[y, x] + phi[below, x])
            share = STEP / (psi[y, x] + up[x] + down[x] + left[x] + right[x] + TINY)
            up[x] *= share
            down[x] *= share
            left[x] *= share
            right[x] *= share
            fixed[x] = share * psi[y, x]
        for channel in range(channels):
            here, over, under = change[channel, y], change[channel, above], change[channel, below]
            goal, new = wanted[channel, y], result[channel, y]
            for x in range(width):
                new[x] = REST * here[x] + fixed[x] * goal[x] + up[x] * over[x] + down[x] * under[x]
            for x in range(1, width):
                new[x] += left[x] * here[x - 1]
            for x in range(last):
                new[x] += right[x] * here[x + 1]
            new[0] += left[0] * here[0]
            new[last] += right[last] * here[last]
