"""What the operator wants this gateway to run: heard, verified, tried, taken over, held."""
