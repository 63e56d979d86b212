"""Django, which apig-wsgi serves to API Gateway or a function's URL."""

import os

from apig_wsgi import make_lambda_handler
from django.core.wsgi import get_wsgi_application

from rds_connection import invocation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
serve = make_lambda_handler(get_wsgi_application())


def handler(event, context):
    with invocation(context):  # so that an answer comes before Lambda ends the invocation
        return serve(event, context)
