"""Faults under load: the handler's real code, real servers, and a count of every row afterwards."""
