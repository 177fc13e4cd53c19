"""One folder a rule family; the registry that finds them by entry point."""
