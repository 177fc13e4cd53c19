"""The engine: scenarios, replay, thresholds, verdict. Pure, and it knows no protocol by name."""
