"""A picture carried on where something hides it, from pieces of what is seen around: curtains, shelves and flags go on as
curtains, shelves and flags.

In a small copy what is missing is filled from its edge inwards: each place gets what the piece shows whose known part is most
alike (Efros and Leung, "Texture synthesis by non-parametric sampling", 1999). Then each piece is looked up again as a whole and
the most alike ones around a place are averaged, and so on in larger copies (Wexler, Shechtman and Irani, "Space-time completion
of video", 2007). In full size each place shows the pixels of the piece that was most like its surroundings.
"""

from __future__ import annotations

import cv2
import numpy as np

from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from renderer.puppet.pixels import Picture, chosen, thrice, weighed

LEVELS = ((6.0, 4), (10.0, 3), (16.0, 2))
"""Pixels of a u in each copy, and how often it is gone through; more changes nothing that was seen."""
PIECE = 5
"""Pixels of a piece's side."""
PITCH = 3
"""Pixels of the last copy between the pieces that are shown."""
JOINED = 0.05
"""Squared difference of a piece's colours that a neighbour from elsewhere in the picture counts as much as."""
SWEEPS = 6
"""Over all nodes, in which offsets are handed on to neighbours."""
BESIDE = ((0, -1), (0, 1), (-1, 0), (1, 0))
SOURCES = 3000
"""Pieces that are looked through at most, evenly spread."""
FAR = 0.015
"""Squared difference of colours, 0..1, that a distance of one u adds to each pixel of a piece, two u four times as much: of two
alike the nearer is taken, and neighbours take theirs from neighbouring places."""
DOUBT = 1.25
"""By how much what is a pixel deeper in counts less: what is missing is filled from its edge."""
AT_ONCE = 512

Mask = NDArray[np.bool_]


def quilted(picture: Picture, hidden: Mask, wanted: Mask, start: Picture, u: float) -> tuple[Picture, Picture]:
    """A picture with what is hidden made up.

    Args:
        picture: float32 [height, width, 3], 0..1.
        hidden: bool [height, width].
        wanted: bool [height, width]: where it is needed.
        start: float32 [height, width, 3]: about what is hidden, such as the light around.
        u: pixels.

    Returns:
        What is made up, float32 [height, width, 3] each, of use where it is wanted: large things alone, without seams; and with
        all that is fine. Both are `start` if nothing is wanted or nothing is known.
    """
    height, width = hidden.shape
    seen = 1 - hidden.astype(np.float32)
    guess = chosen(hidden, start, picture)
    visible, asked = weighed(picture, seen), wanted.astype(np.float32)
    first = True
    for unit, rounds in LEVELS:
        scale = min(1.0, unit / u)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        weight = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
        missing = weight < 0.5
        need = missing & (cv2.resize(asked, size, interpolation=cv2.INTER_AREA) > 0)
        sources = _sources(missing)
        if not need.any() or not len(sources):
            continue
        known = cv2.resize(visible, size, interpolation=cv2.INTER_AREA)
        small = np.where(missing[..., None], cv2.resize(guess, size, interpolation=cv2.INTER_AREA), 0)
        small += np.where(missing[..., None], 0, known / np.maximum(weight, 1e-6)[..., None])
        deep = cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 5)
        pieces = _pieces(small)[sources[:, 0], sources[:, 1]].reshape(len(sources), -1)
        targets = np.argwhere(need)
        if first:
            small = _from_the_edge(small, missing, need, pieces, sources, unit)
            first = False
        for _ in range(rounds):
            few = targets[targets.sum(axis=1) % 2 == 0]
            small = _voted(small, need, deep, few, sources[_nearest(small, few, pieces, sources, unit)])
        guess = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if not need.any() or not len(sources):
        return guess, guess
    # Whole pieces are shown, side by side, so that little of them is blended.
    middles = np.argwhere(
        cv2.dilate(need.astype(np.uint8), np.ones((PITCH, PITCH), np.uint8))[PITCH // 2 :: PITCH, PITCH // 2 :: PITCH]
    )
    targets = np.minimum(middles * PITCH + PITCH // 2, np.array(need.shape) - 1)
    shown = np.zeros((*(-(-side // PITCH) for side in need.shape), 3), np.float32)
    offsets = np.zeros((*shown.shape[:2], 2), np.int64)
    offsets[middles[:, 0], middles[:, 1]] = sources[_nearest(small, targets, pieces, sources, unit)] - targets
    shown[middles[:, 0], middles[:, 1], 2] = 1
    shown[..., :2] = _joined(small, _free(missing), offsets, shown[..., 2] > 0, middles, targets)
    rows, columns = (np.nonzero(wanted.any(axis=axis))[0] for axis in (1, 0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    made = guess.copy()
    made[part] = _shown(picture, part, shown, (height / need.shape[0], width / need.shape[1]), guess[part])
    return guess, made


def _free(missing: Mask) -> Mask:
    """Where nothing is missing from a piece."""
    free = cv2.dilate(missing.astype(np.uint8), np.ones((PIECE + 2, PIECE + 2), np.uint8)) == 0
    half = PIECE // 2
    free[:half] = free[-half:] = False
    free[:, :half] = free[:, -half:] = False
    return free


def _sources(missing: Mask) -> NDArray[np.int64]:
    """Middles [n, 2] of pieces, y and x, that nothing is missing from."""
    found = np.argwhere(_free(missing))
    return found[:: -(-len(found) // SOURCES)] if len(found) else found


def _pieces(small: Picture) -> Picture:
    """The piece around each pixel, a view [height, width, 3, PIECE, PIECE]; beyond the border the picture is mirrored."""
    half = PIECE // 2
    grown = cv2.copyMakeBorder(small, half, half, half, half, cv2.BORDER_REFLECT_101)
    return sliding_window_view(grown, (PIECE, PIECE), axis=(0, 1))


def _from_the_edge(
    small: Picture, missing: Mask, need: Mask, pieces: Picture, sources: NDArray[np.int64], unit: float
) -> Picture:
    """The picture with what is needed filled layer by layer, each place by the middle of the piece whose rest fits best."""
    known = ~missing
    small = small.copy()
    squares = pieces**2
    while True:
        layer = need & ~known & (cv2.dilate(known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
        targets = np.argwhere(layer)
        if not len(targets):
            return small
        own = _pieces(small)[targets[:, 0], targets[:, 1]]
        mask = _pieces(np.repeat(known[..., None].astype(np.float32), 3, axis=2))[targets[:, 0], targets[:, 1]]
        mask = mask.reshape(len(targets), -1)
        wanted = own.reshape(len(targets), -1) * mask
        off = mask @ squares.T - 2 * (wanted @ pieces.T)
        apart = ((targets[:, None] - sources) ** 2).sum(axis=2, dtype=np.float32) / np.float32(unit * unit)
        chosen = sources[(off + FAR * mask.sum(axis=1, keepdims=True) * apart).argmin(axis=1)]
        small[layer] = small[chosen[:, 0], chosen[:, 1]]
        known = known | layer


def _nearest(
    small: Picture, targets: NDArray[np.int64], pieces: Picture, sources: NDArray[np.int64], unit: float
) -> NDArray[np.int64]:
    """For each target [n, 2] the index of the source whose piece is most like its own, a little for being near."""
    own = _pieces(small)
    # The distance of two places is one more difference of what is compared.
    near = np.float32(np.sqrt(3 * FAR) * PIECE / unit)
    among = np.concatenate([pieces, sources * near], axis=1).astype(np.float32)
    half_square = (among**2).sum(axis=1) / 2
    found = np.empty(len(targets), np.int64)
    likeness = np.empty((AT_ONCE, len(among)), np.float32)  # once: new memory takes longer than what is done in it
    for first in range(0, len(targets), AT_ONCE):
        part = targets[first : first + AT_ONCE]
        wanted = np.concatenate([own[part[:, 0], part[:, 1]].reshape(len(part), -1), part * near], axis=1).astype(np.float32)
        own_likeness = np.matmul(wanted, among.T, out=likeness[: len(part)])
        own_likeness -= half_square
        found[first : first + AT_ONCE] = own_likeness.argmax(axis=1)
    return found


def _joined(
    small: Picture, free: Mask, offsets: NDArray[np.int64], used: Mask, middles: NDArray[np.int64], targets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Offsets [rows, columns, 2] of which neighbours share one wherever that fits nearly as well: so larger pieces appear, and
    none is repeated from node to node."""
    height, width = free.shape
    own = _pieces(small)
    wanted = own[targets[:, 0], targets[:, 1]].reshape(len(targets), -1)
    rows, columns = used.shape
    beside = [(np.clip(middles[:, 0] + i, 0, rows - 1), np.clip(middles[:, 1] + j, 0, columns - 1)) for i, j in BESIDE]

    def energy(candidate: NDArray[np.int64]) -> Picture:
        y, x = (targets + candidate).T
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = np.where(inside, y, 0), np.where(inside, x, 0)
        off = ((own[y, x].reshape(len(targets), -1) - wanted) ** 2).sum(axis=1)
        for place in beside:
            off += JOINED * (used[place] & (offsets[place] != candidate).any(axis=1))
        return np.where(inside & free[y, x], off, np.inf)

    for _ in range(SWEEPS):
        for place in beside:
            now = offsets[middles[:, 0], middles[:, 1]]
            better = used[place] & (energy(offsets[place]) < energy(now))
            offsets[middles[:, 0], middles[:, 1]] = np.where(better[:, None], offsets[place], now)
    return offsets


def _voted(
    small: Picture, need: Mask, deep: NDArray[np.float32], targets: NDArray[np.int64], chosen: NDArray[np.int64]
) -> Picture:
    """The picture with what is needed replaced by the mean of what the chosen pieces around it show there."""
    half = PIECE // 2
    height, width = need.shape
    total = np.zeros((height + 2 * half, width + 2 * half, 4), np.float32)
    weight = (DOUBT ** -deep[targets[:, 0], targets[:, 1]]).astype(np.float32)[:, None]
    for i in range(-half, half + 1):
        for j in range(-half, half + 1):
            colours = small[chosen[:, 0] + i, chosen[:, 1] + j]
            # Targets differ from each other, so no place is met twice in one go.
            total[targets[:, 0] + i + half, targets[:, 1] + j + half] += np.concatenate([colours * weight, weight], axis=1)
    total = total[half:-half, half:-half]
    return np.where(need[..., None] & (total[..., 3:] > 0), total[..., :3] / np.maximum(total[..., 3:], 1e-12), small)


def _shown(
    picture: Picture, part: tuple[slice, slice], offsets: Picture, pixel: tuple[float, float], guess: Picture
) -> Picture:
    """In full size what lies at offsets from each place of a part, those of the four nodes around it blended.

    Args:
        picture: float32 [height, width, 3], 0..1.
        part: its rows and columns.
        offsets: float32 [rows, columns, 3] of nodes PITCH pixels of the small copy apart: y and x in such pixels, and 1 where
            they are known.
        pixel: pixels of the picture in one of the small copy, down and across.
        guess: float32 [rows, columns, 3]: that part of the small copy in full size.
    """
    rows, columns = offsets.shape[:2]
    places = [np.arange(along.start, along.stop, dtype=np.float32) for along in part]
    down, across = (
        ((place + np.float32(0.5)) / np.float32(step) - np.float32(0.5) - PITCH // 2) / PITCH
        for place, step in zip(places, pixel, strict=True)
    )
    top, left = np.floor(down).astype(np.int64), np.floor(across).astype(np.int64)
    y, x = places[0][:, None], places[1]
    planes = offsets[..., 1] * np.float32(pixel[1]), offsets[..., 0] * np.float32(pixel[0]), offsets[..., 2]
    made = np.zeros_like(guess)
    sure = np.zeros(guess.shape[:2], np.float32)
    for i in (0, 1):
        for j in (0, 1):
            at = np.ix_(np.clip(top + i, 0, rows - 1), np.clip(left + j, 0, columns - 1))
            aside, away, known = (plane[at] for plane in planes)
            high, wide = (_eased(1 - np.abs(one)).astype(np.float32) for one in (down - top - i, across - left - j))
            share = high[:, None] * wide * known
            seen = cv2.remap(picture, x + aside, y + away, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            made += weighed(seen, share)
            sure += share
    made = chosen(sure > 0.3, cv2.divide(made, thrice(np.maximum(sure, np.float32(1e-6)))), guess)
    # Its light is that of the small copy: where two pieces meet, no edge is left.
    return np.clip(made + cv2.blur(guess - made, (2 * int(PITCH * pixel[1]) + 1, 2 * int(PITCH * pixel[0]) + 1)), 0, 1)


def _eased(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares 0..1 nearer to one or the other; those of two neighbours still add up to 1."""
    t = np.clip(share, 0, 1)
    step: NDArray[np.float32] = t * t * (3 - 2 * t)
    return step
