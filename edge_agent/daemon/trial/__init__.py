"""Another bundle scores an asset's windows beside the one that judges, and publishes nothing."""
