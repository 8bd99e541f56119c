"""The link to the broker: one connection at a time, its certificates and its password."""
