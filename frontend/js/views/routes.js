/** The addresses of the page; the part before the first slash is the destination. */

/** @import { RouteTable } from "../ui/router.js" */

/** @type {Readonly<RouteTable>} */
export const ROUTES = Object.freeze({
  welcome: "/welcome",
  "sign-up": "/sign-up",
  "log-in": "/log-in",
  "forgot-password": "/forgot-password",
  chats: "/chats",
  room: "/chats/:room",
  details: "/chats/:room/details",
  files: "/files",
  "files-sent": "/files/sent",
  "files-new": "/files/new",
  "files-new-for": "/files/new/:person",
  "files-seal": "/files/seal",
  people: "/people",
  settings: "/settings",
  section: "/settings/:section",
});

/** @type {Readonly<Record<string, "chats" | "files" | "people" | "settings">>} route name → place in the navigation */
export const DESTINATIONS = Object.freeze({
  chats: "chats",
  room: "chats",
  details: "chats",
  files: "files",
  "files-sent": "files",
  "files-new": "files",
  "files-new-for": "files",
  "files-seal": "files",
  people: "people",
  settings: "settings",
  section: "settings",
});
