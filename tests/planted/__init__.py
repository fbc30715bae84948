"""Wrong numbers, planted on purpose: what the checks on arriving data must catch before it is published."""
