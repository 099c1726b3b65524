import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "./fake-server.js";
import { befriend, couple, Device, logIn, PASSWORD, signUp, until } from "./people.js";

const NEW_PASSWORD = "seven brown kettles sing loudly";
const open = [];
afterEach(() => {
  for (const device of open.splice(0)) device.close();
});

async function alone(server = new FakeServer()) {
  const alice = await signUp(server, "Alice");
  open.push(alice.device);
  return { server, alice };
}

/** Set a new password by mail on a browser; answers what comes next. */
async function resetByMail(server, device, { email }) {
  await device.call("forgotPassword", { email });
  return device.call("resetPassword", { code: server.code(email), password: NEW_PASSWORD });
}

test("the recovery code is shown again after a reload, until it is confirmed", async () => {
  const server = new FakeServer();
  const device = new Device(server);
  open.push(device);
  assert.deepEqual(await device.start(), { phase: "welcome" });
  await device.call("signUp", { email: "a@example.org", displayName: "A", password: PASSWORD });
  const { recoveryCode } = await device.call("submitCode", { code: server.code("a@example.org") });
  assert.match(recoveryCode, /^([0-9A-Z]{4}-){6}[0-9A-Z]{4}$/);
  assert.deepEqual(await device.reload(), { phase: "recovery", recoveryCode });
  await assert.rejects(device.call("confirmRecovery", { lastGroup: "0000" }), {
    code: "bad_recovery_code",
  });
  await device.call("confirmRecovery", { lastGroup: recoveryCode.slice(-4).toLowerCase() });
  assert.deepEqual(await device.reload(), { phase: "ready" });
});

test("the password reaches the server in no form but the derived key", async () => {
  const server = new FakeServer();
  const bodies = [];
  server.refuse = (method, path, body) => {
    bodies.push(JSON.stringify(body ?? {}));
    return null;
  };
  await alone(server);
  assert.equal(
    bodies.some((body) => body.includes(PASSWORD)),
    false,
  );
});

test("a weak password is refused here, before anything is sent", async () => {
  const server = new FakeServer();
  const device = new Device(server);
  open.push(device);
  await device.start();
  const form = { email: "a@example.org", displayName: "A", password: "aaaaaaaaaaaa" };
  await assert.rejects(device.call("signUp", form), { code: "weak_password" });
  assert.deepEqual(server.log, ["POST /api/auth/refresh"].slice(1));
});

test("an enrolment whose answer was lost is finished at the next start", async () => {
  const server = new FakeServer();
  const device = new Device(server);
  open.push(device);
  await device.start();
  await device.call("signUp", { email: "a@example.org", displayName: "A", password: PASSWORD });
  const handle = server.handle.bind(server);
  server.handle = (browser, method, url, ...rest) => {
    const answer = handle(browser, method, url, ...rest);
    if (url.endsWith("/api/e2ee/devices")) throw new TypeError("connection reset");
    return answer;
  };
  const code = server.code("a@example.org");
  await assert.rejects(device.call("submitCode", { code }), { code: "offline" });
  server.handle = handle;
  const { phase, recoveryCode } = await device.reload();
  assert.equal(phase, "recovery");
  await device.call("confirmRecovery", { lastGroup: recoveryCode.slice(-4) });
  await device.online();
  assert.equal([...server.identities.values()][0].active.length, 1);
});

test("after a reset by mail the recovery code opens the identity, and the new password again", async () => {
  const { server, alice } = await alone();
  const other = new Device(server);
  open.push(other);
  await other.start();
  assert.deepEqual(await resetByMail(server, other, alice), { step: "unlock" });
  await assert.rejects(other.call("unlockWithRecovery", { recoveryCode: "AAAA" }), {
    code: "bad_recovery_code",
  });
  const step = await other.call("unlockWithRecovery", { recoveryCode: alice.recoveryCode });
  assert.deepEqual(step, { step: "ready" });
  await other.online();
  const { step: third, device } = await logIn(server, alice, NEW_PASSWORD);
  open.push(device);
  assert.deepEqual(third, { step: "ready" }, "the backup was wrapped anew");
  assert.equal(server.identities.get(alice.id).active.length, 3);
});

test("an unlock that was left half-way goes on after a reload", async () => {
  const { server, alice } = await alone();
  const other = new Device(server);
  open.push(other);
  await other.start();
  await resetByMail(server, other, alice);
  assert.deepEqual(await other.reload(), { phase: "unlock", email: alice.email });
  const step = await other.call("unlockWithRecovery", { recoveryCode: alice.recoveryCode });
  assert.deepEqual(step, { step: "ready" });
});

test("a log-in that has run out keeps its keys and messages, and goes on with them", async () => {
  const server = new FakeServer();
  const { alice, bob, room } = await couple(server);
  open.push(alice.device, bob.device);
  await alice.device.call("sendMessage", { room, text: "kept" });
  await bob.device.shows(room, ["kept"]);
  server.endLogins(bob.id, "revoked");
  await until("told", () => bob.device.slices.signedOut?.reason === "revoked");
  assert.deepEqual(await bob.device.call("boot"), { phase: "expired", email: bob.email });
  await alice.device.call("sendMessage", { room, text: "meanwhile" });
  const step = await bob.device.call("logIn", { email: bob.email, password: PASSWORD });
  assert.deepEqual(step, { step: "ready" });
  await bob.device.shows(room, ["kept", "meanwhile"]);
  assert.equal(server.identities.get(bob.id).active.length, 1, "the same device");
});

test("a browser that must show a code again is still the same device", async () => {
  const { server, alice } = await alone();
  server.endLogins(alice.id, "revoked");
  alice.device.browser.trusted.clear();
  await until("told", () => alice.device.slices.signedOut);
  const form = { email: alice.email, password: PASSWORD };
  assert.equal((await alice.device.call("logIn", form)).step, "code");
  const step = await alice.device.call("submitCode", { code: server.code(alice.email) });
  assert.deepEqual(step, { step: "ready" });
  await alice.device.online();
  assert.equal(server.identities.get(alice.id).active.length, 1);
});

test("a device that is removed forgets everything, and nobody seals to it any more", async () => {
  const server = new FakeServer();
  const { alice, bob, room } = await couple(server);
  const { device: second } = await logIn(server, alice);
  open.push(alice.device, bob.device, second);
  await second.online();
  const { devices } = await alice.device.call("devices");
  const other = devices.find(({ current }) => !current);
  await assert.rejects(
    alice.device.call("removeDevice", { deviceId: other.deviceId, password: "not the password" }),
    { code: "wrong_password" },
  );
  await alice.device.call("removeDevice", { deviceId: other.deviceId, password: PASSWORD });
  await until("removed", () => second.slices.signedOut?.reason === "device_removed");
  await until("empty", async () => (await second.call("boot")).phase === "welcome");
  await bob.device.call("sendMessage", { room, text: "without the other" });
  await alice.device.shows(room, ["without the other"]);
  const [entry] = server.rooms.get(room).log;
  assert.equal(
    entry.capsules.some(({ device }) => device === other.deviceId),
    false,
  );
});

test("a changed password opens the backup on the next browser, the old one does not", async () => {
  const { server, alice } = await alone();
  const form = { oldPassword: PASSWORD, newPassword: NEW_PASSWORD };
  await alice.device.call("changePassword", form);
  assert.equal(alice.device.slices.me.passwordOpensBackup, true);
  await assert.rejects(logIn(server, alice, PASSWORD), { code: "bad_credentials" });
  const { device, step } = await logIn(server, alice, NEW_PASSWORD);
  open.push(device);
  assert.deepEqual(step, { step: "ready" });
});

test("after a reset, the recovery code lets a new password open the backup again", async () => {
  const { server, alice } = await alone();
  const other = new Device(server);
  open.push(other);
  await other.start();
  await resetByMail(server, other, alice);
  // A reload forgets the password that was typed, so unlocking cannot seal the backup to it.
  await other.reload();
  const { recoveryCode } = alice;
  await other.call("unlockWithRecovery", { recoveryCode });
  await other.online();
  assert.equal(other.slices.me.passwordOpensBackup, false);
  const form = { oldPassword: NEW_PASSWORD, newPassword: PASSWORD };
  await assert.rejects(
    other.call("changePassword", { ...form, recoveryCode: recoveryCode.replace(/.$/, "!") }),
    { code: "bad_recovery_code" },
  );
  await other.call("changePassword", { ...form, recoveryCode });
  await until("mended", () => other.slices.me.passwordOpensBackup === true);
  const { device, step } = await logIn(server, alice, PASSWORD);
  open.push(device);
  assert.deepEqual(step, { step: "ready" });
});

test("a new recovery code takes the place of the old one", async () => {
  const { server, alice } = await alone();
  const { recoveryCode } = await alice.device.call("newRecoveryCode", { password: PASSWORD });
  const other = new Device(server);
  open.push(other);
  await other.start();
  await resetByMail(server, other, alice);
  await assert.rejects(other.call("unlockWithRecovery", { recoveryCode: alice.recoveryCode }), {
    code: "bad_recovery_code",
  });
  assert.deepEqual(await other.call("unlockWithRecovery", { recoveryCode }), { step: "ready" });
});

test("who was verified on one browser is verified on the others", async () => {
  const server = new FakeServer();
  const { alice, bob } = await couple(server);
  open.push(alice.device, bob.device);
  const { device: second } = await logIn(server, alice);
  open.push(second);
  await second.online();
  await until("room", () => second.room(bob));
  await alice.device.call("setVerified", { user: bob.id, on: true });
  await until("told", () => second.room(bob)?.peer.identity === "verified");
  await alice.device.call("newRecoveryCode", { password: PASSWORD });
  const { device: third } = await logIn(server, alice);
  open.push(third);
  await third.online();
  await until("from the backup", () => third.room(bob)?.peer.identity === "verified");
});

test("a new browser that is shown another key than the backup names is told of a change", async () => {
  const server = new FakeServer();
  const { alice, bob } = await couple(server);
  open.push(alice.device, bob.device);
  await alice.device.call("setVerified", { user: bob.id, on: true });
  await alice.device.call("newRecoveryCode", { password: PASSWORD });
  alice.device.close();
  await bob.device.call("logOut", { everywhere: true });
  await resetByMail(server, bob.device, bob);
  const { recoveryCode } = await bob.device.call("startNewIdentity");
  await bob.device.call("confirmRecovery", { lastGroup: recoveryCode.slice(-4) });
  const { device: second } = await logIn(server, alice);
  open.push(second);
  await second.online();
  await until("room", () => second.room(bob));
  await until("changed", () => second.room(bob).peer.identity === "changed-verified");
  assert.equal(second.room(bob).sendBlocked, "identity");
});

test("logging out leaves nothing behind", async () => {
  const { server, alice } = await alone();
  const bob = await signUp(server, "Bob");
  open.push(bob.device);
  await befriend(alice, bob);
  await alice.device.call("logOut", { everywhere: false });
  assert.equal(alice.device.slices.signedOut.reason, "logged_out");
  assert.deepEqual(await alice.device.call("boot"), { phase: "welcome" });
  assert.deepEqual(await alice.device.indexedDB.databases(), []);
  assert.deepEqual(await alice.device.reload(), { phase: "welcome" });
});

test("an access token that has run out is renewed once for all who need it", async () => {
  const { server, alice } = await alone();
  await until("on-line", () => alice.device.slices.connection?.status === "online");
  for (const [token, login] of server.logins) {
    if (login.user === alice.id) server.logins.delete(token);
  }
  alice.device.clockOffsetMs = 3_600_000;
  const before = server.log.length;
  await Promise.all([0, 1, 2, 3].map(() => alice.device.call("devices")));
  const refreshes = server.log.slice(before).filter((line) => line.endsWith("/refresh"));
  assert.equal(refreshes.length, 1);
});
