"""Events that a person can read, and every KPI value that must come of them, computed by hand."""
