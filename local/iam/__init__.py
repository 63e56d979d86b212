"""What IAM decides on the laptop: statements of policies, and tokens for databases. Pure."""
