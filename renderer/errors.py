"""What goes wrong in this package and is the user's to know."""


class RendererError(Exception):
    """An error whose text is written for the user: what is wrong, why, and what to do, in one short paragraph.

    Every module raises a class of its own that derives from this one; importing this module loads nothing else.
    """


class DeviceLost(RendererError):
    """The device that frames are computed on has failed for good in this process; another process may still use it."""
