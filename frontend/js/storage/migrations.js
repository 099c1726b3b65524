/**
 * The steps of the database's layout. Append only: step n brings version n to n+1, and a browser that
 * was closed for a year runs all that it missed.
 *
 * Key paths and indexes hold opaque ids and numbers only; whatever means something to a person is in
 * `sealed`, under the device key, or is ciphertext whose key is.
 */

/** @typedef {(db: IDBDatabase, tx: IDBTransaction) => void} Migration */

/** @type {readonly Migration[]} */
export const MIGRATIONS = Object.freeze([
  (db) => {
    db.createObjectStore("keys", { keyPath: "id" });
    db.createObjectStore("settings", { keyPath: "id" });
    db.createObjectStore("signed_prekeys", { keyPath: "id" });
    db.createObjectStore("one_time_prekeys", { keyPath: "id" });
    db.createObjectStore("sessions", { keyPath: "id" }).createIndex("by_peer", "peer");
    db.createObjectStore("seen_sessions", { keyPath: "sid" }).createIndex("by_prekey", "prekey");
    db.createObjectStore("pins", { keyPath: "user" });
    db.createObjectStore("rooms", { keyPath: "id" });
    const messages = db.createObjectStore("messages", { keyPath: "key" });
    messages.createIndex("by_order", ["room", "order"]);
    messages.createIndex("by_unread", ["room", "unread_seq"]);
    messages.createIndex("by_wanted", "wanted_from");
    db.createObjectStore("outbox", { keyPath: "key" });
  },
  (db) => {
    db.createObjectStore("files", { keyPath: ["room", "file"] });
    db.createObjectStore("file_parts", { keyPath: ["room", "file", "number"] });
  },
  (db) => {
    db.createObjectStore("sent_transfers", { keyPath: "id" });
    db.createObjectStore("received_transfers", { keyPath: "id" });
  },
]);
