"""What must not hurt: each scenario does its worst to the real agent and says what came of it."""
