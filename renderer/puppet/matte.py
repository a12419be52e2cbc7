"""Cutting the person out of the portrait: a matte with a firm edge, and the person's own colours along it.

Rules
- An edge is as soft as the matte that was found; fog, where a matte is unsure over a wide area, becomes one or the other.
- Along the edge the colours are the person's alone: what of the background shines through them in the portrait does not
  travel with the hair.
- Beyond the edge the person's colours go on for a while, so that sampling between pixels never mixes the background in.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from numpy.typing import NDArray

from renderer.puppet.anatomy import FACE_OVAL
from renderer.puppet.pixels import Picture, alike, chosen, weighed

LEVELS = (0.08, 0.92)
"""Parts of the matte that count as nothing and as all: networks seldom say 0 or 1."""
EDGE = (0.07, 0.12)
"""u from the matte's half-way line up to which its own softness is kept, and from where on it is firm."""
LEAST = 1 / 255
"""Alpha below which there is nothing: it could not be seen, but what lies around it would count as the person's."""
NEAR, FOG = 0.04, 0.09
"""u around the matte that count as the person's in any case, and where even its fog does."""
PENUMBRA = 0.085
"""u around the matte within which the person may still shade the background."""
LIKE = 0.12
"""Share of the person in a colour there from which on it counts as the person's."""
SURE = 0.95
"""Where the matte has at least so much, a little inside, colours are taken to be the person's alone."""
RIM = 0.02
"""u: how far inside the edge colours may still be those of the background, since edges in pictures are blurred."""
SLACK = 0.04
"""How much a colour at the edge may leave the range of the person's colours close by, 0..1."""
TRUST = (0.2, 0.95)
"""Coverage up to which the colours nearby are believed, and from which on the pixel's own. Mattes are off by a tenth or so,
and what is behind is a guess, which unmixing would amplify where there is little of the person."""
COARSE_U = 40
"""Pixels that a u has at most where colours of hair and background are compared."""
STRANDS = 0.55
"""u around the matte within which single strands of hair are looked for."""
THIN = 0.025
"""u: half the width that a strand has at most."""
SOFT, ROOT = 0.6, 0.06
"""Alpha up to which the matte's own soft edge may be a gap before a strand's root, and u from where that is seen."""
TUFT, SOLID = 0.16, 0.02
"""u from the matte within which something broader ends that is a tuft of hair cut off by it, where a thing behind goes on; and
u, half as wide as a gap in a tuft that belongs to it."""
GAP = 0.03
"""u: how far from each other pieces of one strand may lie that a picture shows in parts."""
PLAIN = 0.12
"""How far from the background around it, 0..1, a strand's colour must be; what is nearer would be grain or a wall's pattern."""
ROUGH = (0.02, 0.03)
"""How far a background's colours leave their surroundings', 0..1, up to which strands are told from it, and from where on twigs
and lamps would be taken for them."""
ALIKE = (0.25, 0.75)
"""Shares of hair in a colour between which a strand's alpha rises; below, it would bring the background's noise along."""
CROPPED = 0.2
"""Share of what a transparent picture shows that may be taken for background before it counts as cropped rather than cut out:
pets, hats and hands are, of a person whose background was taken away; judgement."""
CRUMBS = 0.008
"""u: irregularities of the edge up to about twice this are smoothed; a painting's canvas and cracks make them."""

Matte = NDArray[np.float32]


def firm(matte: Matte, mesh: NDArray[np.floating[Any]], u: float) -> Matte:
    """The person's matte without fog, holes in the face and pieces by themselves.

    Args:
        matte: [height, width], 0..1, as a network found it.
        mesh: [468, 3], pixels.
        u: pixels.

    Returns:
        float32 [height, width], 0..1; exactly 0 and 1 away from the edge.
    """
    face = np.zeros(matte.shape, np.uint8)
    cv2.fillPoly(face, [np.round(mesh[list(FACE_OVAL), :2]).astype(np.int32)], 1)
    whole = ((matte >= 0.5) | (face > 0)).astype(np.uint8)
    _, parts = cv2.connectedComponents(whole, connectivity=4)
    # Parts that reach the border may belong together outside; others that do not touch the face are somebody else's.
    kept = np.unique(np.concatenate([parts[face > 0], parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    body = (np.isin(parts, kept) & (whole > 0)).astype(np.uint8)
    inside = cv2.distanceTransform(body, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - body, cv2.DIST_L2, 5)
    away = np.maximum(inside, outside) / np.float32(u)
    size = 2 * max(1, round(CRUMBS * u)) + 1
    even = cv2.medianBlur((np.clip(matte, 0, 1) * 255 + 0.5).astype(np.uint8), min(size, 9))
    soft = _smooth(LEVELS[0] * 255, LEVELS[1] * 255, even.astype(np.float32))
    keep = _smooth(EDGE[1], EDGE[0], away)
    alpha = keep * soft + (1 - keep) * body
    core = cv2.erode(face, _disc(0.08 * u)) > 0
    alpha[core] = 1
    alpha[alpha < LEAST] = 0
    return alpha.astype(np.float32)


def cut_by(alpha: Matte, matte: Matte) -> Matte:
    """The matte of the person in a picture that is transparent in places.

    A picture whose background was taken away knows its person better than a network does. One that was only cropped to a
    circle, or has round corners, shows background too.

    Args:
        alpha: [height, width], 0..1, the picture's own.
        matte: [height, width], 0..1, of the person, as a network found it.
    """
    kept = alpha > 0.5
    background = float((matte[kept] < 0.5).mean()) if kept.any() else 1.0
    return np.minimum(alpha, matte) if background > CROPPED else alpha


def reach(picture: Picture, alpha: Matte, matte: Matte, u: float) -> NDArray[np.bool_]:
    """Which pixels may show something of the person: the matte and what lies close to it, fog that touches it, and around it
    what looks more like the person than like the background, such as the soft rim of painted hair.

    Args:
        picture: [height, width, 3], 0..1.
        alpha: [height, width], firm.
        matte: [height, width], as it was found.
        u: pixels.
    """
    away = _distance(alpha > 0) / np.float32(u)
    found: NDArray[np.bool_] = (away < NEAR) | ((matte > 0.03) & (away < FOG))
    rim = (away < PENUMBRA) & ~found
    if not rim.any() or rim.all():
        return found
    own = spread(picture, (alpha >= SURE).astype(np.float32), 0.03 * u)
    behind = spread(picture, 1 - (rim | found).astype(np.float32), 0.05 * u)
    across = own - behind
    like = alike(picture - behind, across) / (alike(across, across) + np.float32(1e-3))
    closed = cv2.morphologyEx((rim & (like > LIKE)).astype(np.uint8), cv2.MORPH_CLOSE, _disc(0.02 * u)).astype(bool)
    return found | (closed & rim)


def strands(picture: Picture, alpha: Matte, u: float) -> tuple[Matte, NDArray[np.bool_]]:
    """The single hairs and locks around the person, which a matte is too coarse for.

    A strand is thin, hangs together with the person, and has a colour on the way from the background to the hair nearby; a tuft
    is broader and ends close by. Pieces of one that are only near cannot go along, but may not stay behind in the background
    either.

    Args:
        picture: [height, width, 3], 0..1.
        alpha: [height, width], firm.
        u: pixels.

    Returns:
        Alpha of strands, float32 [height, width], 0..1, 0 where the person is but for their roots; and bool [height, width]:
        these and what else looks like them.
    """
    person = (alpha > 0.02).astype(np.uint8)
    if not person.any() or person.all():
        return np.zeros_like(alpha), np.zeros(alpha.shape, bool)
    height, width = alpha.shape
    shrink = max(1.0, u / COARSE_U)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    unit = u / shrink
    own = spread(small, (inside >= SURE).astype(np.float32), 0.03 * unit)
    free = spread(small, (cv2.dilate(inside, _disc(0.04 * unit)) < 0.02).astype(np.float32), 0.05 * unit)
    # The median over an area much wider than a strand is the background without it.
    span = 2 * max(1, round(0.16 * unit)) + 1
    plain = cv2.medianBlur((np.clip(free, 0, 1) * 255 + 0.5).astype(np.uint8), span).astype(np.float32) / np.float32(255)
    close = (cv2.distanceTransform((inside < 0.5).astype(np.uint8), cv2.DIST_L2, 5) < STRANDS * unit).astype(np.float32)
    close, behind = (_resized(one, width, height) for one in (close, plain))
    across = _resized(own, width, height) - behind
    length = alike(across, across)
    off = picture - behind
    like: Matte = alike(off, across) / (length + np.float32(1e-4))
    beside: Matte = np.divide(np.sqrt(np.maximum(alike(off, off) - like**2 * length, 0)), np.float32(PLAIN))
    apart: Matte = np.divide(np.sqrt(length), np.float32(PLAIN))
    share = _smooth(*ALIKE, like) * _smooth(0.6, 1.2, apart) * _smooth(1.0, 0.5, beside)
    share = np.where(alpha < SOFT, share * close, 0).astype(np.float32)
    # What is not thin is something else, of whatever colour it is beside that.
    differs = ((alike(off, off) > ALIKE[0] ** 2 * length) & (person == 0)).astype(np.uint8)
    broad = cv2.dilate(cv2.morphologyEx(differs, cv2.MORPH_OPEN, _disc(THIN * u)), _disc(THIN * u)) > 0
    tuft = _close_by(broad, person > 0, TUFT * u)
    broad &= ~tuft
    thin = share * ~broad
    hair = cv2.resize(tuft.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    outside = ((inside < 0.02) & ~hair).astype(np.float32)
    rough = _blurred(np.abs(free - plain).mean(axis=2) * outside, 0.25 * unit) / (_blurred(outside, 0.25 * unit) + 0.01)
    sure = thin * _resized(_smooth(ROUGH[1], ROUGH[0], rough), width, height)
    whole = cv2.morphologyEx(np.maximum(sure, alpha), cv2.MORPH_CLOSE, _disc(SOLID * u))
    sure = np.where(tuft, np.maximum(sure, whole), sure)
    found = np.where(_joined(sure > 0.1, alpha >= SOFT) & (sure > alpha), sure, 0).astype(np.float32)
    found[(person > 0) & (_distance((found > 0.3) & (person == 0)) > ROOT * u)] = 0
    near = (_distance(thin > 0.05) < GAP * u) & (_distance((person > 0) | (found > 0.1)) < PENUMBRA * u)
    return found, _joined(near & ~broad, person > 0) & (person == 0)


def _close_by(pieces: NDArray[np.bool_], person: NDArray[np.bool_], within: float) -> NDArray[np.bool_]:
    """What of some pieces ends within so many pixels of the person."""
    count, parts = cv2.connectedComponents(pieces.astype(np.uint8), connectivity=8)
    farthest = np.zeros(count, np.float32)
    np.maximum.at(farthest, parts[pieces], _distance(person)[pieces])
    found: NDArray[np.bool_] = pieces & (farthest < within)[parts]
    return found


def _joined(pieces: NDArray[np.bool_], person: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What of some pieces hangs together with the person."""
    count, parts = cv2.connectedComponents((pieces | person).astype(np.uint8), connectivity=8)
    reached = np.zeros(count, bool)
    reached[np.unique(parts[person])] = True
    joined: NDArray[np.bool_] = pieces & reached[parts]
    return joined


def own_colours(picture: Picture, alpha: Matte, plate: Picture, u: float) -> Picture:
    """The person's colours without what shines through from behind.

    Args:
        picture: [height, width, 3], 0..1.
        alpha: [height, width], firm.
        plate: [height, width, 3]: what is behind.
        u: pixels.

    Returns:
        float32 [height, width, 3], 0..1: `picture` where alpha is 1 and a little inside; carried on outwards beyond it.
    """
    sure = cv2.erode((alpha >= SURE).astype(np.uint8), _disc(RIM * u))
    if not sure.any():
        return picture.copy()
    near = spread(picture, sure.astype(np.float32), 0.02 * u)
    size = np.ones((2 * max(1, round(0.06 * u)) + 1,) * 2, np.uint8)  # a square is quicker than a disc
    inside = sure > 0
    low = cv2.erode(chosen(inside, picture, np.full_like(picture, 2)), size)
    high = cv2.dilate(chosen(inside, picture, np.full_like(picture, -1)), size)
    # Far from all that is sure there is no range.
    unknown = high[..., 0] < low[..., 0]
    low, high = chosen(unknown, near, low), chosen(unknown, near, high)
    low -= np.float32(SLACK)
    high += np.float32(SLACK)
    believed: Matte = np.divide(_smooth(*TRUST, alpha), np.maximum(alpha, np.float32(TRUST[0])))
    unmixed = near + weighed(picture - plate - weighed(near - plate, alpha), believed)
    limited = np.clip(unmixed, np.maximum(low, 0), np.minimum(high, 1))
    deep = cv2.distanceTransform((alpha >= 1).astype(np.uint8), cv2.DIST_L2, 5) / np.float32(u)
    rim = _smooth(RIM + 0.01, 0.5 * RIM, deep)
    mixed = weighed(limited, rim)
    mixed += weighed(picture, 1 - rim)
    return chosen(rim > 0, mixed, picture)


def spread(picture: Picture, known: Matte, radius: float) -> Picture:
    """A picture carried on from where it is known: each place gets the mean of what is known around it, from as near as
    there is any.

    Args:
        picture: [height, width, channels].
        known: [height, width], 0..1.
        radius: pixels of the nearest surroundings; then twice that, and so on.
    """
    height, width = known.shape
    coarse = int(max(radius, 0.8) / 2)
    if coarse > 1:
        # Nothing finer than the first step comes out of it.
        size = (max(1, width // coarse), max(1, height // coarse))
        weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
        mean = _divided(cv2.resize(weighed(picture, known), size, interpolation=cv2.INTER_AREA), weight)
        return _resized(spread(mean, weight, radius / coarse), width, height)
    result = np.zeros_like(picture)
    left = np.ones_like(known)
    values = weighed(picture, known)
    sigma = max(radius, 0.8)
    while True:
        shrink = max(1, int(sigma / 2))
        size = (max(1, width // shrink), max(1, height // shrink))
        blur = max(sigma / shrink, 0.6)
        weight = _blurred(cv2.resize(known, size, interpolation=cv2.INTER_AREA), blur)
        mean = _divided(_blurred(cv2.resize(values, size, interpolation=cv2.INTER_AREA), blur), weight)
        share = left * _smooth(0.02, 0.2, _resized(weight, width, height))
        result += weighed(_resized(mean, width, height), share)
        left -= share
        if sigma > max(height, width) or float(left.max()) < 1e-3:
            break
        sigma *= 2
    mean = values.sum(axis=(0, 1)) / max(float(known.sum()), 1e-6)
    if left.any():
        result += left[..., None] * mean.astype(np.float32)
    return result


def _divided(values: Picture, weight: Matte) -> Picture:
    return weighed(values, np.reciprocal(np.maximum(weight, np.float32(1e-6))))


def _blurred(values: Any, sigma: float) -> Picture:
    blurred: Picture = cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    return blurred


def _resized(values: Any, width: int, height: int) -> Picture:
    resized: Picture = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return resized


def _smooth(low: float, high: float, x: Matte) -> Matte:
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    step: Matte = t * t * (3 - 2 * t)
    return step


def _distance(inside: NDArray[np.bool_]) -> Matte:
    """Pixels to the nearest place that is inside; very far where there is none."""
    if not inside.any():
        return np.full(inside.shape, np.inf, np.float32)
    found: Matte = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    return found


def _disc(radius: float) -> NDArray[np.uint8]:
    size = 2 * max(1, round(radius)) + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).astype(np.uint8)
    return disc
