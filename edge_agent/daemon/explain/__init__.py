"""From a snapshot message to words and one page; nothing of it runs in the daemon."""
