"""The table of orders."""

from sqlmodel import Field, SQLModel


class Order(SQLModel, table=True):
    """An order."""

    __tablename__ = "orders"

    id: int | None = Field(default=None, primary_key=True)
    item: str
