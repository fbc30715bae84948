"""Performance claims: each command runs both sides in one run and prints the ratio. No test times anything."""
