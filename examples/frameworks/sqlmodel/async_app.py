"""Takes an order, with the session of SQLAlchemy's asyncio."""

import asyncio

from orders import Order
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel.ext.asyncio.session import AsyncSession

from rds_connection import aconnect, invocation

engine = create_async_engine("postgresql+psycopg://", async_creator=aconnect, poolclass=NullPool)


async def save(order):
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(order)
        await session.commit()
    return {"order": order.id}


def handler(event, context):
    with invocation(context):
        return asyncio.run(save(Order(item=event["item"])))
