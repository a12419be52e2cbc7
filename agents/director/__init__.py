"""The director: turns a direction in words into a brief of timed beats."""
