"""Managing series and jobs: what every desk builds on top of a client."""
