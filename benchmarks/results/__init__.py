"""``make results``: every recipe on every set of recordings, as one page."""
