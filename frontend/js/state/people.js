/** Questions about people and rooms; pure. */

/** @import { People, Person, RoomItem } from "../session/types.js" */

/**
 * @param {People | null} people
 * @param {Person["relation"]} relation
 * @returns {Person[]} by name, in the order of the reader's language
 */
export function peopleBy(people, relation) {
  const found = (people?.people ?? []).filter((person) => person.relation === relation);
  return found.sort((a, b) => a.displayName.localeCompare(b.displayName));
}

/**
 * @param {People | null} people
 * @param {string} userId
 * @returns {Person | undefined}
 */
export function personById(people, userId) {
  return people?.people.find((person) => person.id === userId);
}

/**
 * @param {RoomItem[] | null} rooms
 * @returns {number} rooms with something unread: what the badge counts
 */
export function unreadRooms(rooms) {
  return (rooms ?? []).filter((room) => room.unread > 0).length;
}
