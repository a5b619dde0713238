"""What changed in a repository: against what, at what cost, and how recorded answers moved."""
