"""Prints the OpenAPI document of a shop as FastAPI generates it: many routes of many kinds."""

import datetime
import enum
import json
import uuid
from typing import Annotated, Literal, Optional, Union

from fastapi import Body, Cookie, FastAPI, Header, Path, Query, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel, Field

app = FastAPI(title="Shop", version="1.0.0", servers=[{"url": "/shop"}])
bearer = HTTPBearer()
api_key = APIKeyHeader(name="X-Api-Key")


class Colour(str, enum.Enum):
    red = "red"
    green = "green"


class Price(BaseModel):
    amount: float = Field(gt=0, le=10_000)
    currency: Literal["EUR", "USD"] = "EUR"


class Item(BaseModel):
    name: str = Field(min_length=1, max_length=40)
    colour: Optional[Colour] = None
    price: Price
    tags: list[str] = []
    attributes: dict[str, str] = {}


class StoredItem(Item):
    id: uuid.UUID
    made: datetime.datetime
    parts: list["StoredItem"] = []


class Card(BaseModel):
    kind: Literal["card"]
    number: str = Field(min_length=4, max_length=19)


class Transfer(BaseModel):
    kind: Literal["transfer"]
    iban: str


class Order(BaseModel):
    items: list[uuid.UUID] = Field(min_length=1)
    payment: Annotated[Union[Card, Transfer], Field(discriminator="kind")]
    note: str | None = None


class Login(BaseModel):
    api_key: str
    service_id: str | None = None


@app.get("/items", response_model=list[StoredItem])
def items(limit: Annotated[int, Query(ge=1, le=100)], colour: Colour | None = None, tag: Annotated[list[str], Query()] = []):
    """All items."""


@app.post("/items", response_model=StoredItem, status_code=201)
def make(item: Item, token=Security(bearer), x_trace: Annotated[str | None, Header()] = None):
    """A new item."""


@app.get("/items/{item_id}", response_model=StoredItem)
def item(item_id: uuid.UUID, session: Annotated[str | None, Cookie()] = None):
    """One item."""


@app.get("/items/latest", response_model=StoredItem)
def latest():
    """The latest item."""


@app.delete("/items/{item_id}", status_code=204)
def remove(item_id: uuid.UUID, key=Security(api_key)):
    """An item is gone."""


@app.post("/orders", status_code=201)
def order(order: Order, urgent: Annotated[bool, Query()] = False) -> Order:
    """An order."""


@app.post("/keys/validate")
def validate(login: Login) -> dict[str, str]:
    """A key in the body, and no security scheme: as FastAPI keeps it."""


for number in range(60):
    # Enough to be a large document.
    @app.put(f"/things/{number}/{{thing_id}}", name=f"thing_{number}")
    def thing(thing_id: Annotated[int, Path(ge=0)], item: Item, size: float = Body(default=1.0, gt=0)) -> StoredItem:
        """A thing."""


print(json.dumps(app.openapi(), indent=2))
