"""The skin of a closed eye, of which an open portrait shows nothing.

It is prepared once: the smoothest surface between the lid's fold and the skin below the eye, rounded by a little light as
the eyeball rounds a lid, with the grain of the cheek. Lashes, iris and white have no part in it, so none of them can be
caught in a closing lid.
"""

from __future__ import annotations

import numpy as np

from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, grey_closing, grey_opening, maximum_filter

from renderer.puppet.filling import grain, membrane
from renderer.puppet.geometry import Field, smooth
from renderer.puppet.lids import Around, luminance, saturation

LASHES = 0.03
"""u above the upper lid's edge that lashes and their shadow take."""
WET = 0.016
"""u below the lower lid's edge that its moist rim and its lashes take."""
ROUND = 0.06
"""How much brighter a lid is on its height than a flat surface."""


def find_lid_skin(colours: NDArray[np.float32], around: Around, u: float) -> tuple[Field, Field]:
    """The skin of a closed eye around its opening.

    Args:
        colours: [h, w, 3], 0..1, a part of the picture around the eye.
        around: where its pixels lie around the opening.
        u: pixels.

    Returns:
        Colours [h, w, 3] and how much of them is needed there [h, w], 0..1.
    """
    below, above, beside, gap = around.below, around.above, around.beside, around.gap
    rgb = colours.astype(np.float64)
    light = luminance(rgb)
    # Toward the corners there are fewer lashes, and the shadows of the socket must stay.
    high = 0.3 + 0.7 * smooth(0.0, 0.05 * u, gap)
    out = np.maximum(np.maximum(-below - LASHES * u * high, -above - WET * u * high), -beside - 0.012 * u)
    trust = smooth(0.0, 0.008 * u, out)
    # Lashes beyond that, mostly at the outer corner: thin and dark, unlike the shadows of the socket.
    size = 2 * round(0.02 * u) + 1
    thin = gaussian_filter(grey_closing(light, size=(size, size)) - light, 0.004 * u) / np.maximum(light, 0.1)
    lashes = smooth(0.10, 0.35, thin) * smooth(0.07 * u, 0.02 * u, out)
    # Above the eye, the skin between them too; below it and beside it folds look alike, which must stay.
    grown = gaussian_filter(maximum_filter(lashes, 2 * round(0.008 * u) + 1), 0.008 * u)
    lashes = np.maximum(
        lashes, grown * smooth(0.0, 0.012 * u, above) * smooth(-0.03 * u, 0.0, beside) * smooth(0.03 * u, 0.01 * u, out)
    )
    # A speck of white or of the moist rim that a small picture has below the lid found in it: small, bright, paler than skin.
    bright = gaussian_filter(light - grey_opening(light, size=(size, size)), 0.004 * u) / np.maximum(light, 0.1)
    pale = smooth(1.0, 0.8, saturation(rgb) / np.maximum(gaussian_filter(saturation(rgb), 0.06 * u), 0.02))
    specks = smooth(0.06, 0.2, bright) * pale * smooth(0.05 * u, 0.02 * u, out) * smooth(0.01 * u, -0.01 * u, above)
    lashes = np.maximum(lashes, specks)
    trust = trust * (1 - lashes)
    skin = membrane(rgb, trust, (0.012 * u) ** 2)
    height = (below + 0.02 * u) / np.maximum(gap + 0.03 * u, 1.0)
    bulge = np.exp(-(((height - 0.45) / 0.33) ** 2)) * smooth(0.0, 0.06 * u, gap)
    skin = skin * (1 + ROUND * bulge)[..., None]
    skin = np.clip(skin + (1 - trust)[..., None] * grain(rgb, above, u), 0, 1)
    need = gaussian_filter(np.maximum(smooth(0.016 * u, -0.004 * u, out), lashes), 0.006 * u)
    border = np.pad(np.ones((need.shape[0] - 2, need.shape[1] - 2)), 1)  # nothing is needed beyond the picture's part
    return skin, np.clip(need, 0, 1) * border
