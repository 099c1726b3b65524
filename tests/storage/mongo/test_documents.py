"""Documents that meet in a unique index, which the database may end instead of refusing them."""

import asyncio

import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure

from storage.mongo.client import connect
from storage.mongo.documents import INSERT_TRIES, Newcomers

pytestmark = pytest.mark.mongo

ENDED = OperationFailure("deadlock detected", code=1)


@pytest.fixture
async def people(url):
    client = connect(url)
    people = client.get_default_database()["people"]
    await people.create_index("name", unique=True)
    yield people
    await client.close()


class Ending:
    """A collection whose database ends the first inserts; how often cannot be caused."""

    def __init__(self, collection, times):
        self.collection = collection
        self.errors = [ENDED] * times

    async def insert_one(self, document):
        if self.errors:
            raise self.errors.pop()
        await self.collection.insert_one(document)


async def test_an_insert_that_the_database_ended_for_another_one_is_made_again(people):
    newcomers = Newcomers(Ending(people, INSERT_TRIES - 1), "name")
    await newcomers.insert({"_id": 1, "name": "An"})
    assert await people.find().to_list() == [{"_id": 1, "name": "An"}]
    with pytest.raises(DuplicateKeyError):
        await newcomers.insert({"_id": 2, "name": "An"})


async def test_an_insert_that_is_ended_again_and_again_is_given_up(people):
    with pytest.raises(OperationFailure):
        await Newcomers(Ending(people, INSERT_TRIES), "name").insert({"_id": 1, "name": "An"})
    assert await people.count_documents({}) == 0


class Watched:
    """A collection that remembers whose inserts were under way together."""

    def __init__(self, collection):
        self.collection = collection
        self.under_way = []
        self.together = []

    async def insert_one(self, document):
        self.under_way.append(document["name"])
        self.together.append(sorted(self.under_way))
        await self.collection.insert_one(document)
        self.under_way.remove(document["name"])


async def test_inserts_that_would_meet_go_in_one_after_the_other_and_others_at_once(people):
    await people.drop_indexes()
    watched = Watched(people)
    newcomers = Newcomers(watched, "name")
    names = ["An", "An", "Bình", "An", "Bình"]
    await asyncio.gather(*(newcomers.insert({"name": name}) for name in names))
    assert await people.count_documents({}) == len(names)
    assert ["An", "Bình"] in watched.together
    assert all(len(names) == len(set(names)) for names in watched.together)
