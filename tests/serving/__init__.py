"""Help for tests of the portal: a version to read, a running portal, the comparison of pages with values."""
