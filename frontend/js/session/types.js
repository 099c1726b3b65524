/**
 * What the page and the engine say to each other.
 *
 * The engine (keys, ratchets, storage, network) lives in a worker; one tab's worker leads, the other
 * tabs' workers pass calls on to it. The page only ever sees plain data: it holds no key and no token.
 *
 *     const engine = connectEngine();            // session/client.js
 *     const boot = await engine.call('boot', {}); // rejects with AppError(code)
 *     engine.on('rooms', (rooms) => …);          // returns a disposer
 *
 * An event carries the whole slice it names, except `messages`, which carries changed rows only.
 * After `boot` every slice is sent once. Ids are base64url strings; times milliseconds UTC.
 */

/**
 * Where an account screen goes next.
 * code: an e-mailed code is needed (`submitCode`, or `resetPassword` after `forgotPassword`).
 * recovery: show `recoveryCode`, then `confirmRecovery`.
 * unlock: logged in, but the password does not open the identity: `unlockWithRecovery` or `startNewIdentity`.
 * ready: the engine runs and sends its slices.
 * @typedef {{ step: 'code', resendAfterMs: number }
 *   | { step: 'recovery', recoveryCode: string }
 *   | { step: 'unlock' }
 *   | { step: 'ready' }} Step
 */

/**
 * welcome: nobody here yet. expired: keys are here, the log-in has run out (`logIn` goes on with them).
 * recovery/unlock: an account screen was left half-way. unsupported: `reason` says what is missing.
 * @typedef {{ phase: 'welcome' }
 *   | { phase: 'expired', email: string }
 *   | { phase: 'recovery', recoveryCode: string }
 *   | { phase: 'unlock', email: string }
 *   | { phase: 'ready' }
 *   | { phase: 'unsupported', reason: 'indexeddb' | 'clone' | 'crypto' | 'locks' }} Boot
 */

/**
 * What the server takes: `fileBytes` is the largest file; without `links` files go to contacts only.
 * @typedef {{ fileBytes: number, links: boolean }} Terms
 * @typedef {{ readReceipts: boolean, presence: boolean }} Preferences
 * @typedef {{ id: string, email: string, displayName: string, friendCode: string,
 *   role: 'user' | 'admin', preferences: Preferences, passwordOpensBackup: boolean,
 *   terms: Terms | null }} Me  terms: null until the server has said them
 */

/**
 * `retryAtMs` is when the next attempt is made; null while on-line or when the browser is off-line.
 * @typedef {{ status: 'online' | 'connecting' | 'offline', retryAtMs: number | null }} Connection
 */

/**
 * new: first seen, nothing compared. verified: the safety number was compared.
 * changed: the identity is another one than before; sending is off until `acceptIdentity` (when it was
 * never verified) or `setVerified` with the new number.
 * @typedef {'new' | 'verified' | 'changed' | 'changed-verified'} IdentityState
 */

/**
 * @typedef {{ id: string, displayName: string, friendCode: string,
 *   relation: 'incoming' | 'outgoing' | 'accepted' | 'blocked' | 'none', identity: IdentityState,
 *   presence: 'online' | 'away' | 'offline', lastSeenMs: number | null, createdMs: number }} Person
 * @typedef {{ email: string, createdMs: number }} Invite
 * @typedef {{ people: Person[], invites: Invite[] }} People  every relation, blocked ones included
 */

/**
 * `lastRow` is what the list shows as the last line; `draft` what was typed and not sent.
 * `keptBy` are the members who agree to keep the room; `sendBlocked` why the composer is off.
 * @typedef {{ id: string, peer: Person, createdMs: number, expiresMs: number,
 *   keptBy: string[], unread: number, firstUnreadSeq: number | null, lastRow: MessageRow | null,
 *   lastActivityMs: number, draft: string, typing: boolean,
 *   sendBlocked: null | 'identity' | 'not-contact' }} RoomItem
 */

/**
 * State of one's own message; `received` for everybody else's.
 * @typedef {'pending' | 'sent' | 'delivered' | 'read' | 'failed' | 'received'} MessageState
 */

/**
 * One row of a conversation. `key` never changes, `order` sorts (a whole number for numbered rows;
 * rows that wait for a number come after all of them, in the order they were typed).
 * text: `text` is set. files: `text` is the caption, which may be empty. undecryptable: `reason` and `next` say why and what happens now.
 * system: `notice` names the sentence, `params` its values. unknown: a newer kind than this page knows.
 * @typedef {{ key: string, room: string, seq: number | null, order: number, mine: boolean,
 *   sender: string, state: MessageState, sentMs: number, failure: string | null } & (
 *   { kind: 'text', text: string }
 *   | { kind: 'files', text: string, files: Attachment[] }
 *   | { kind: 'undecryptable', reason: UndecryptableReason, next: 'asked-again' | 'waiting' | 'lost' }
 *   | { kind: 'system', notice: SystemNotice, params: Record<string, string> }
 *   | { kind: 'unknown' })} MessageRow
 * @typedef {'no-session' | 'duplicate' | 'too-far' | 'bad-signature' | 'auth-failed' | 'unsupported'
 *   | 'before-this-device'} UndecryptableReason
 * @typedef {'identity-changed' | 'new-device' | 'messages-missing' | 'hidden-devices' | 'kept'} SystemNotice
 */

/**
 * One file of a message.
 * waiting: own, not begun. sending: on its way up. paused: by the person. here: on the server, not
 * fetched. queued: to be fetched when others are done. fetching: on its way down. intact: verified, on this
 * device. damaged, wrong-sender: refused, nothing saved. gone: no longer on the server. failed: `failure` is
 * an error code; `retryMessage` or `fetchAttachment` tries again.
 * @typedef {'waiting' | 'sending' | 'paused' | 'here' | 'queued' | 'fetching' | 'intact' | 'damaged'
 *   | 'wrong-sender' | 'gone' | 'failed'} AttachmentState
 *
 * `show` is decided here, from a fixed list of types; whatever is not on it is a 'file'. Dimensions,
 * duration, `thumb` and `wave` (64 levels of loudness) are what the sender says, and may be wrong.
 * @typedef {{ index: number, name: string, mime: string, size: number,
 *   show: 'image' | 'video' | 'audio' | 'voice' | 'file', width: number | null, height: number | null,
 *   durationMs: number | null, thumb: Blob | null, wave: Uint8Array | null, state: AttachmentState,
 *   doneBytes: number, failure: string | null }} Attachment
 *
 * A file as the page hands it in. `thumb` is a JPEG of at most 12 KiB.
 * @typedef {{ file: File, thumb: Blob | null, width: number | null, height: number | null,
 *   durationMs: number | null, wave: Uint8Array | null }} OutgoingFile
 */

/** @typedef {{ rows: MessageRow[], hasOlder: boolean, hasNewer: boolean }} MessagePage */

/**
 * @typedef {{ deviceId: string, name: string, platform: string, addedMs: number,
 *   lastUsedMs: number | null, current: boolean, signedIn: boolean }} DeviceItem
 */

/**
 * A file on this device; `job` is drawn by the page and names it until it is released.
 * @typedef {{ kind: 'contact', user: string } | { kind: 'me' } | { kind: 'passphrase', passphrase: string }} SealFor
 * own, known: from a device of this account or person. removed: the person has removed that device since.
 * stranger: nobody here knows the account. passphrase: from whoever knows it.
 * @typedef {{ kind: 'own' | 'known' | 'removed' | 'stranger' | 'passphrase', user: string | null,
 *   name: string, verified: boolean }} FileOrigin
 * @typedef {'damaged' | 'wrong-sender' | 'not-for-us' | 'passphrase-needed' | 'not-sealed' | 'newer'} FileRefusal
 * @typedef {{ verdict: 'intact', file: File, origin: FileOrigin, sealedMs: number }
 *   | { verdict: FileRefusal, name: string }} OpenFileResult  `name` of whom it claims to be from, or ""
 */

/**
 * Files outside of rooms. A transfer to an address is a link as well, whose secret the sender hands over,
 * until somebody who has the address accepts it.
 * @typedef {{ kind: 'person', user: string } | { kind: 'address', email: string } | { kind: 'link' }} TransferTo
 *
 * waiting: not begun, or not fetched. queued: to be fetched when others are done. moving: on its way up or
 * down. done: on the server, or verified and handed out here. damaged, wrong-sender: refused, nothing
 * saved. gone: no longer on the server. failed: `failure` is an error code. `name` is "" and `sizeBytes` that
 * of the ciphertext where this device cannot know them: sent from another device, or not sealed yet.
 * @typedef {'waiting' | 'queued' | 'moving' | 'done' | 'failed' | 'damaged' | 'wrong-sender' | 'gone'} TransferItemState
 * @typedef {{ name: string, mime: string, sizeBytes: number, doneBytes: number,
 *   state: TransferItemState, failure: string | null }} TransferItem
 *
 * preparing: being encrypted. uploading: on its way up, also while the network is away. paused: by the
 * person. failed: `failure` says why, `retryTransfer` goes on unless that is `draft_ended`. open: others can
 * get it until `expiresMs`. ended: withdrawn, run out, declined; it stays in the list for 30 days.
 * `name` is the person's, "" where there is none. `link` is "/t/<id>#…", to be put behind the origin; null
 * unless it was made on this device. `accepted`: somebody who has the address has it now. `sealed`: that
 * person's devices can open it. `fingerprint` is one's own, six groups of five digits, when the link says
 * who made it.
 * @typedef {{ id: string, to: TransferTo, name: string,
 *   state: 'preparing' | 'uploading' | 'paused' | 'failed' | 'open' | 'ended', files: TransferItem[],
 *   totalBytes: number, link: string | null, hasPassphrase: boolean, accepted: boolean, sealed: boolean,
 *   createdMs: number, expiresMs: number, downloads: number, maxDownloads: number | null,
 *   downloadedMs: number | null, failure: string | null, fingerprint: string | null }} SentTransfer
 *
 * offered: to one's address, by somebody who is no contact. accepted: waits until a device of the sender
 * is on-line. sealed: can be fetched unless `refusal` says why not; `origin` is whom it is from.
 * @typedef {{ id: string, state: 'offered' | 'accepted' | 'sealed',
 *   sender: { id: string, displayName: string, friendCode: string }, origin: FileOrigin | null,
 *   refusal: FileRefusal | null, files: TransferItem[], totalBytes: number, createdMs: number,
 *   expiresMs: number, downloadsLeft: number | null, downloadedMs: number | null,
 *   sealedMs: number | null }} ReceivedTransfer
 * @typedef {{ received: ReceivedTransfer[], sent: SentTransfer[] } | null} TransferLists  newest first; null while not known
 */

/** @typedef {{ groups: string[], verified: boolean, identity: IdentityState }} SafetyNumber  twelve groups of five digits */

/**
 * Calls: name → [argument, result]. Every call may reject with `AppError`; beside the server's codes
 * the engine has its own: `offline`, `bad_recovery_code`, `wrong_password`, `weak_password`,
 * `identity_changed`, `storage_failed`, `too_long`, `empty`.
 *
 * @typedef {object} EngineCalls
 * @property {[{}, Boot]} boot
 * @property {[{ password: string, email?: string, displayName?: string }, { level: 0 | 1 | 2 | 3 | 4, hint: string }]} passwordStrength
 * @property {[{}, { passphrase: string }]} suggestPassphrase
 * @property {[{ email: string, displayName: string, password: string }, Step]} signUp
 * @property {[{ email: string, password: string }, Step]} logIn
 * @property {[{}, { resendAfterMs: number }]} resendCode
 * @property {[{ code: string }, Step]} submitCode
 * @property {[{ lastGroup: string }, Step]} confirmRecovery
 * @property {[{ recoveryCode: string }, Step]} unlockWithRecovery
 * @property {[{}, Step]} startNewIdentity
 * @property {[{ email: string }, Step]} forgotPassword
 * @property {[{ code: string, password: string }, Step]} resetPassword
 * @property {[{ everywhere: boolean }, {}]} logOut
 *
 * @property {[{ displayName: string }, {}]} setDisplayName
 * @property {[Preferences, {}]} setPreferences
 * @property {[{ oldPassword: string, newPassword: string, recoveryCode?: string }, {}]} changePassword  with the code the new password opens the identity again after a reset
 * @property {[{ password: string }, { recoveryCode: string }]} newRecoveryCode
 * @property {[{}, { devices: DeviceItem[] }]} devices
 * @property {[{ deviceId: string, password: string }, {}]} removeDevice
 *
 * @property {[{ query: string }, { kind: 'code' | 'email' }]} addContact  a friend code or an address
 * @property {[{ user: string }, { room: string }]} acceptContact  opens the conversation as well
 * @property {[{ user: string }, {}]} removeContact  declines, withdraws or ends
 * @property {[{ email: string }, {}]} withdrawInvite
 * @property {[{ user: string }, {}]} block
 * @property {[{ user: string }, {}]} unblock
 * @property {[{ user: string }, SafetyNumber]} safetyNumber
 * @property {[{ user: string, on: boolean }, {}]} setVerified
 * @property {[{ user: string }, {}]} acceptIdentity  go on without comparing
 *
 * @property {[{ user: string }, { room: string }]} openDm
 * @property {[{ room: string, before?: number, after?: number, around?: number, limit?: number }, MessagePage]} messages  by `order`; newest page when none is given
 * @property {[{ room: string, text: string }, { key: string }]} sendMessage  resolves once it is stored here
 * @property {[{ room: string, text: string, files: OutgoingFile[] }, { key: string }]} sendFiles  1 to 10, resolves once they are stored here, encrypted; also `disk_full`, `file_changed`
 * @property {[{ room: string, key: string, on: boolean }, {}]} pauseAttachment  holds the uploads of a message, or lets them go on
 * @property {[{ room: string, key: string, index: number }, {}]} cancelAttachment  an upload leaves its message, the last one takes it along; a download stops
 * @property {[{ room: string, key: string, index: number }, { file: File }]} fetchAttachment  verified to the last byte; `damaged`, `wrong_sender`, `gone`, `cancelled`, `disk_full`
 * @property {[{ room: string, key: string }, {}]} retryMessage
 * @property {[{ room: string, key: string }, {}]} discardMessage
 * @property {[{ room: string, seq: number }, {}]} markRead
 * @property {[{ room: string, on: boolean }, {}]} setTyping
 * @property {[{ room: string, text: string }, {}]} saveDraft
 * @property {[{ room: string, on: boolean }, {}]} keepRoom
 * @property {[{ room: string }, {}]} deleteRoom
 * @property {[{ active: boolean }, {}]} setActive  the page is looked at, or not (presence, ticks)
 *
 * @property {[{ job: string, file: File, to: SealFor }, { file: File }]} sealFile  also `cancelled`, `disk_full`, `file_changed`
 * @property {[{ job: string, file: File, passphrase?: string }, OpenFileResult]} openFile  the same
 * @property {[{ job: string }, {}]} cancelFile
 * @property {[{ job: string }, {}]} releaseFile  the result was saved or is not wanted
 *
 * @property {[{ files: File[], to: TransferTo, livesMs: number, maxDownloads: number | null,
 *   passphrase: string | null, signed: boolean }, { id: string }]} sendTransfer  1 to 10 files; resolves once they are stored here, encrypted; also `too_large`, `disk_full`, `file_changed`, `weak_password`, `not_contact`, `forbidden`
 * @property {[{ id: string, on: boolean }, {}]} pauseTransfer  holds one that is uploading, or lets it go on
 * @property {[{ id: string }, {}]} retryTransfer
 * @property {[{ id: string }, {}]} withdrawTransfer  also one that is under way
 * @property {[{ id: string }, {}]} forgetTransfer  takes one that has ended or failed off the list
 * @property {[{ id: string }, {}]} acceptTransfer
 * @property {[{ id: string }, {}]} declineTransfer
 * @property {[{ id: string, index: number }, { file: File }]} fetchTransfer  verified to the last byte; `damaged`, `wrong_sender`, `gone`, `cancelled`, `disk_full`, `used_up`
 * @property {[{ id: string, index: number }, {}]} cancelFetchTransfer
 */

/**
 * Events: name → value.
 * @typedef {object} EngineEvents
 * @property {Me} me
 * @property {Connection} connection
 * @property {People} people
 * @property {RoomItem[]} rooms  newest activity first
 * @property {{ room: string, rows: MessageRow[], removed: string[] }} messages  new and changed rows, and keys that are gone
 * @property {{ kind: 'info' | 'success' | 'error', text: string, params: Record<string, string> }} notice  `text` is a locale key
 * @property {{ job: string, doneBytes: number, totalBytes: number }} fileProgress
 * @property {{ room: string, key: string, index: number, doneBytes: number, totalBytes: number }} attachmentProgress  at most ten times a second for each file
 * @property {TransferLists} transfers
 * @property {{ id: string, index: number, doneBytes: number, totalBytes: number }} transferProgress  at most ten times a second for each file
 * @property {{ reason: 'logged_out' | 'revoked' | 'device_removed' | 'password_changed' | 'expired' }} signedOut
 * @property {null} deposed  another tab has taken over while this one slept, and this engine has ended
 */

/**
 * @typedef {object} Engine
 * @property {<N extends keyof EngineCalls>(name: N, argument: EngineCalls[N][0]) => Promise<EngineCalls[N][1]>} call
 * @property {<N extends keyof EngineEvents>(name: N, fn: (value: EngineEvents[N]) => void) => () => void} on
 */

export {};
