"""Orders over HTTP."""

import json

from django.http import JsonResponse
from django.urls import path

from .models import Order


def orders(request):
    if request.method == "POST":
        return JsonResponse({"order": Order.objects.create(item=json.loads(request.body)["item"]).id})
    return JsonResponse([order.item for order in Order.objects.order_by("id").iterator()], safe=False)


urlpatterns = [path("orders", orders)]
