"""The storm on the laptop: its load, both routes, and pgbench. What is told of it is `ops.storm`'s."""
