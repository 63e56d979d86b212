"""The laptop cloud: a stand-in `aws` provider and the supervisor of what really runs behind it."""
