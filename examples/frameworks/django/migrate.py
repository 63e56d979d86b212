"""Runs the migrations: to be invoked once after each deployment."""

import os

import django
from django.core.management import call_command
from django.db import connection

from rds_connection import invocation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()


def handler(event, context):
    with invocation(context):
        call_command("migrate", interactive=False)
        connection.close()  # as Django does at the end of a request
