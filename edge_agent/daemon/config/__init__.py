"""The configuration: read from its files, checked as a whole, and what is wrong with it."""
