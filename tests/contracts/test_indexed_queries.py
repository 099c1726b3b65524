"""The watch over MongoDB's commands sees what it is there for."""

import pytest

from storage.mongo.client import connect
from tests import mongo
from tests.contracts.indexed_queries import IndexedQueries

pytestmark = pytest.mark.mongo


@pytest.mark.parametrize(
    ("condition", "is_found"),
    [
        ({"name": "an"}, True),
        ({"_id": 1}, False),
        ({"first": 1, "name": "an"}, False),
        ({"second": 1}, True),
        ({"$or": [{"_id": 1}, {"name": "an"}]}, True),
        ({"$or": [{"_id": 1, "name": "an"}, {"_id": 2}]}, False),
        ({}, True),
    ],
)
async def test_a_condition_must_name_the_first_field_of_an_index(condition, is_found):
    with mongo.fresh_database() as url, IndexedQueries(mongo.name_of(url)) as queries:
        client = connect(url)
        people = client.get_default_database()["people"]
        await people.create_index({"first": 1, "second": 1})
        await people.find(condition).to_list()
        await people.delete_many(condition)
        await client.close()
        with mongo.connect() as beside:
            found = queries.scans(beside)
    assert found == ([f"people: {condition}"] if is_found else [])
