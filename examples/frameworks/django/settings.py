"""Django's settings. Where the database is, and as whom to log in, is the function's environment."""

DATABASES = {"default": {"ENGINE": "rds_connection.django", "ATOMIC_REQUESTS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "shop.urls"
