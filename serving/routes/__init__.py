"""The addresses of the portal: one module per page or group of addresses; each offers `router`."""
