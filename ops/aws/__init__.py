"""A stack on AWS as a source of evidence: CloudWatch, RDS, Lambda, and what stands around the proxy."""
