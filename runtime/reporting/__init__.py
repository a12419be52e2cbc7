"""The report of a take: one page that a browser shows without a network, made from the journal and what lies beside it.

`story` sorts the journal by beats, `curves` turns the motion into rows, `messages` into what was said, `bargains` into what was
objected to and what became of it, `review` has the critic look at it, `film` embeds the video, and `page` puts it all into the
templates beside these modules.
"""
