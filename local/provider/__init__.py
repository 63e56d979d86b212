"""A stand-in for `pulumi-resource-aws`: what the laptop really runs is backed, everything else is recorded."""

VERSION = "7.51.1"
ACCOUNT = "000000000000"
DEFAULT_REGION = "eu-west-1"
