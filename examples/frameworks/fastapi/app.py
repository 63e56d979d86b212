"""Orders over HTTP: FastAPI, which Mangum serves to API Gateway or a function's URL."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI
from mangum import Mangum
from pydantic import BaseModel

from rds_connection import aconnection, invocation, transaction

app = FastAPI()
serve = Mangum(app, lifespan="off")


class Order(BaseModel):
    """What is ordered."""

    item: str


async def database():
    async with aconnection() as conn:
        yield conn


@app.get("/orders")
async def orders(conn: Annotated[Any, Depends(database)]):
    cursor = await conn.execute("SELECT item FROM orders ORDER BY id")
    return [item async for (item,) in cursor]


@app.post("/orders")
async def order(order: Order):
    return {"order": await save(order.item)}


@transaction
async def save(conn, item):
    cursor = await conn.execute("INSERT INTO orders (item) VALUES (%s) RETURNING id", [item])
    (number,) = await cursor.fetchone()
    return number


def handler(event, context):
    with invocation(context):
        return serve(event, context)
