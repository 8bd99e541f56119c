"""What becomes of an anomaly once people know of it: levels, silences, labels, common causes."""
