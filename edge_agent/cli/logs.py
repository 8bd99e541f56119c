"""Where the log of ``edge-agent run`` goes: to the journal with fields, or to standard error."""

import atexit
import logging
import sys


def log_to_journal_or_stderr(*, verbose: bool) -> None:
    """Begin to log; floods are held back on either way."""
    from edge_agent.daemon.flood import FloodFilter
    from edge_agent.daemon.journal import JournalHandler, goes_to_journal

    handler: logging.Handler
    if goes_to_journal(sys.stderr.fileno()):
        handler = JournalHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    flood = FloodFilter(handler)
    handler.addFilter(flood)
    atexit.register(flood.flush)
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
