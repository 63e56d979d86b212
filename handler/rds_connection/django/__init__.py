"""Django's database backend: `DATABASES = {"default": {"ENGINE": "rds_connection.django"}}`."""
