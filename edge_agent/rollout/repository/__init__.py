"""The operator's side: what is published, who signs it, and how it comes to the broker."""
