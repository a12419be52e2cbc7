"""Opening a file that a user names: it must be there, be a file, hold something and not be too large to be what it should.

Nothing is read here, and nothing is opened that reading could wait on for ever, such as a pipe.
"""

from __future__ import annotations

import stat

from pathlib import Path
from typing import BinaryIO

from renderer.errors import RendererError


def open_input(path: Path, what: str, *, most: int, refused: type[RendererError]) -> BinaryIO:
    """Open a file for reading; the caller closes it.

    Args:
        path: of the file.
        what: it should be, as in "a portrait".
        most: bytes that it may have.
        refused: the error to raise.

    Raises:
        RendererError: of the class `refused`; the file is missing, cannot be opened, is no file, is empty or is too large.
    """
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise refused(f"{path} is a folder, not {what}. Name the file.")
        if not stat.S_ISREG(about.st_mode):
            raise refused(
                f"{path} is a device, a pipe or the like and cannot be read as {what}. Save it as a file and name that."
            )
        if not about.st_size:
            raise refused(
                f"{path} is empty, so it is not {what}. It may not have been saved or copied to the end; get it again."
            )
        if about.st_size > most:
            raise refused(
                f"{path} has {_size(about.st_size)} and the limit is {_size(most)}, so it is not read as {what}. "
                "Give a smaller file."
            )
        return path.open("rb")
    except FileNotFoundError:
        raise refused(f"{path} does not exist, so there is no file to read as {what}. Check the name.") from None
    except OSError as error:
        raise refused(
            f"{path} cannot be read as {what} ({error.strerror or error}). Check its name and that you may read it."
        ) from None
    except ValueError:  # a name with a zero byte
        raise refused(f"{str(path)!r} is not a name that a file can have. Check the name.") from None


def _size(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB" if count >= 2**20 else f"{count:,} bytes"
