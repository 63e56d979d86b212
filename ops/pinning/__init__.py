"""What pins a session to its database connection: AWS's conditions as rules, each with its source. Pure."""
