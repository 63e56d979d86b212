"""Takes an order, with SQLModel's, which is SQLAlchemy's, session."""

from orders import Order
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from sqlmodel import Session

from rds_connection import connect, invocation

engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def handler(event, context):
    with invocation(context), Session(engine, expire_on_commit=False) as session:
        order = Order(item=event["item"])
        session.add(order)
        session.commit()
        return {"order": order.id}
