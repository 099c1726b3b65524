import assert from "node:assert/strict";
import { test } from "node:test";

import { peopleBy, personById, unreadRooms } from "../../../frontend/js/state/people.js";

const PEOPLE = {
  people: [
    { id: "1", displayName: "Đức", relation: "accepted" },
    { id: "2", displayName: "An", relation: "accepted" },
    { id: "3", displayName: "Bình", relation: "incoming" },
  ],
  invites: [],
};

test("people of one relation are listed by name", () => {
  const names = peopleBy(PEOPLE, "accepted").map((person) => person.displayName);
  assert.deepEqual(names, ["An", "Đức"]);
  assert.deepEqual(peopleBy(PEOPLE, "blocked"), []);
});

test("before the engine has spoken there is nobody, and that is no error", () => {
  assert.deepEqual(peopleBy(null, "incoming"), []);
  assert.equal(personById(null, "1"), undefined);
  assert.equal(unreadRooms(null), 0);
});

test("somebody is found by id", () => {
  assert.equal(personById(PEOPLE, "3")?.displayName, "Bình");
  assert.equal(personById(PEOPLE, "9"), undefined);
});

test("the badge counts rooms, not messages", () => {
  assert.equal(unreadRooms([{ unread: 7 }, { unread: 0 }, { unread: 1 }]), 2);
});
