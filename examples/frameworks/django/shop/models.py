"""The table of orders."""

from django.db import models


class Order(models.Model):
    """An order; one that came by a queue has its message's id."""

    item = models.TextField()
    message = models.TextField(null=True, unique=True)

    class Meta:
        db_table = "orders"
