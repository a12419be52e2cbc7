"""Tests and benches. What one of them renders is not to come from what another has rendered before: no frames are kept."""

import os

os.environ["TEXTUPORTRAY_FRAMES"] = "0"
