from tests.test_puppet import *
import torch
from renderer.puppet.render import moved_person, sample
from torch.nn.functional import avg_pool2d
def test_probe(puppet, rig, portrait):
    for p in (("head",),("headYaw",),("headRoll",),("headX",),("headY",),("headZ",),("jaw",)):
        a=motion({n:.001 for n,c in CHANNELS.items() if n.startswith(p[0]) and not c.derived})
        with torch.inference_mode():
            s,pl=moved_person(rig, torch.from_numpy(a))
            pl=rig.pixels+torch.nn.functional.interpolate(pl-rig.pixels,size=rig.pixels.shape[2:]) if 0 else pl
            d=sample(rig.still,pl)-rig.still
            d=avg_pool2d(d,rig.factor)*255
            m=(pl-rig.pixels).abs().amax(dim=(2,3))
        f=abs(show(puppet,rig,{n:.001 for n,c in CHANNELS.items() if n.startswith(p[0]) and not c.derived})[0].astype(int)-portrait.rgb).max()
        print(p, "single layer max %.2f levels"%d.abs().max(), "displ px", m, rig.factor, rig.u, "rendered", f)
    assert 0
