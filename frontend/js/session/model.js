/**
 * What the engine keeps: the records inside `sealed` of the stores, and its own device in memory.
 *
 * Bytes are base64url text here, because records are JSON before they are sealed.
 */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Clock } from "../lib/clock.js" */
/** @import { Log } from "../lib/log.js" */
/** @import { Api } from "../net/api.js" */
/** @import { Database } from "../storage/db.js" */
/** @import { LinkOffer } from "../net/transfers.js" */
/** @import { WireReceivedTransfer, WireSentTransfer } from "../protocol/bodies.js" */
/** @import { FileEntry, FileManifestRecord } from "../crypto/file-manifest.js" */
/** @import { DeviceCertificate, KeyPair } from "../crypto/types.js" */
/** @import { AddressedCapsule } from "../protocol/frames.js" */
/** @import { EngineEvents, FileRefusal, SystemNotice, Terms, TransferTo, UndecryptableReason } from "./types.js" */
/** @import { Mutex } from "./mutex.js" */
/** @import { Status } from "./traffic.js" */
/** @import { Vault } from "./vault.js" */

/**
 * The own account on this device. `phase` says how far an account screen came: unlock (logged in, no
 * device yet), recovery (the code has to be confirmed), ready.
 * @typedef {object} AccountRecord
 * @property {"unlock" | "recovery" | "ready"} phase
 * @property {string} email
 * @property {string} displayName
 * @property {string} friendCode
 * @property {"user" | "admin"} role
 * @property {{ readReceipts: boolean, presence: boolean }} preferences
 * @property {Terms} [terms] of the server, once it has said them
 * @property {string | null} recoveryCode until it is confirmed
 * @property {boolean} passwordOpensBackup
 * @property {string | null} accountKey AIK of the own account, 65 bytes
 * @property {{ body: string, signatureA: string, signatureP: string } | null} certificate own
 */

/**
 * The own device once it is enrolled; its private keys can be used and not read.
 * @typedef {object} OwnDevice
 * @property {string} user
 * @property {string} device
 * @property {Bytes} userId 16 bytes
 * @property {Bytes} deviceId 16 bytes
 * @property {DeviceCertificate} certificate
 * @property {CryptoKey} signingKey DSK
 * @property {CryptoKey} agreementKey DIK
 */

/**
 * What a message needs in order to be sealed to one more device later.
 * @typedef {object} SealedMessage
 * @property {string} payload
 * @property {string} c2
 * @property {string} contentKey
 * @property {string} payloadHash
 * @property {number} sentAtMs
 * @property {AddressedCapsule[]} capsules
 * @property {Record<string, number>} deviceLists user → version
 * @property {Record<string, string>} identities user → AIK it was sealed for
 * @property {number} sseq 0 for a control message, which is not counted
 * @property {string | null} prev
 */

/**
 * What devices tell each other; a person never sees it (see control.js).
 * @typedef {object} Control
 * @property {"reset" | "retry" | "heartbeat" | "message"} kind of the capsules for `targets`
 * @property {string[]} targets user/device; all other devices get an empty heartbeat
 * @property {Record<string, unknown>} content
 */

/**
 * A file of a message: the manifest as it stands in the message, hints that may be wrong, and what was
 * found when it was looked at; null while nothing is wrong with it.
 * @typedef {FileManifestRecord & { width: number | null, height: number | null,
 *   duration_ms: number | null, thumb: string | null, wave: string | null,
 *   verdict: "damaged" | "wrong-sender" | "gone" | null }} FileRecord
 */

/**
 * @typedef {object} OutboxRecord
 * @property {string} key of the row it belongs to
 * @property {string} room
 * @property {string} msgId
 * @property {number} position
 * @property {string | null} text null for a control message
 * @property {Control | null} control
 * @property {FileRecord[] | null} files that it brings; `text` is their caption
 * @property {"uploading" | "paused" | null} hold why it may not be sent yet: its files are not there
 * @property {SealedMessage | null} sealed null until it is first sent
 * @property {string | null} failure code; it waits for a person
 */

/**
 * @typedef {object} RoomRecord
 * @property {string} id
 * @property {string} nonce
 * @property {string} peer user id
 * @property {number} createdMs
 * @property {number} expiresMs
 * @property {string[]} keptBy
 * @property {number} lastSeq
 * @property {number} cursor everything up to here has been dealt with
 * @property {number[]} ownSeqs numbers beyond the cursor that belong to what this device sent
 * @property {number} readSeq how far this account has read
 * @property {number} deliveredSeq newest entry that a delivery receipt is due for: never for what could
 *   not be opened or is of an unknown type (SEAL1 §6 row 25)
 * @property {{ delivered: number, read: number }} told the receipts of this account at the server
 * @property {number} peerDelivered
 * @property {number} peerRead
 * @property {number} beforeSeq the last of a run of entries from before this device
 * @property {string} draft
 * @property {number} lastActivityMs
 * @property {number} sseq of the last message this device sealed
 * @property {string | null} prev PH of it
 * @property {Record<string, SenderTrail>} senders by device
 */
/**
 * What is known of the messages of one sending device in a room.
 * @typedef {{ sseq: number, hash: string | null, unread: number }} SenderTrail `unread`: messages since
 *   then that could not be opened
 */

/**
 * The inside of a row. `retry` belongs to own messages, `envelope` to undecryptable ones.
 * @typedef {object} RowRecord
 * @property {"text" | "files" | "undecryptable" | "system" | "unknown"} kind
 * @property {boolean} mine
 * @property {string} sender
 * @property {string} device
 * @property {string} msgId
 * @property {number | null} seq
 * @property {"pending" | "sent" | "failed" | "received"} state
 * @property {number} sentMs
 * @property {string | null} failure
 * @property {string} [text]
 * @property {FileRecord[]} [files]
 * @property {UndecryptableReason} [reason]
 * @property {"asked-again" | "waiting" | "lost"} [next]
 * @property {SystemNotice} [notice]
 * @property {Record<string, string>} [params]
 * @property {{ contentKey: string, payloadHash: string, recipients: Record<string, string>,
 *   reissued: string[] }} [retry] recipients: user/device → AIK at that time
 * @property {{ payload: string, c2: string }} [envelope]
 * @property {{ frankingKey: string, c2: string, frank: string }} [report] what a report needs
 */

/**
 * A transfer that this device has sent, or is about to. The key of a file is "" once nobody here needs it.
 * @typedef {object} SentRecord
 * @property {string} id
 * @property {TransferTo} to
 * @property {"preparing" | "uploading" | "paused" | "failed" | "open" | "ended"} phase `preparing` is never
 *   stored
 * @property {FileEntry[]} files
 * @property {LinkOffer | null} offer what the server will keep of a link, until it has it
 * @property {string | null} link its path with the secret
 * @property {boolean} hasPassphrase
 * @property {boolean} isSigned whether the link says who made it
 * @property {number} livesMs
 * @property {number | null} maxDownloads
 * @property {number} createdMs
 * @property {WireSentTransfer | null} shown as the server showed it last
 * @property {string} [servedUser] whom this device has sealed heads for, whatever the server shows since
 * @property {string | null} failure code; it waits for a person
 * @property {number | null} endedMs
 */
/**
 * A transfer that this account got. `opened` is null before its heads are there, and when `refusal` says
 * that they are of no use.
 * @typedef {object} ReceivedRecord
 * @property {string} id
 * @property {WireReceivedTransfer} shown as the server showed it last
 * @property {{ files: ReceivedFile[], signer: SignerRecord, sealedMs: number } | null} opened
 * @property {FileRefusal | null} refusal
 * @property {boolean} isTold the server knows that all of it is here
 *
 * @typedef {FileEntry & { verdict: "done" | "damaged" | "wrong-sender" | "gone" | null }} ReceivedFile
 * @typedef {{ user: string, device: string, accountKey: string, certHash: string }} SignerRecord
 */

/**
 * One identity of a person, verified: account key, device list, certificates of its active devices.
 * @typedef {object} IdentityRecord
 * @property {string} accountKey
 * @property {{ body: string, signature: string }} list
 * @property {{ body: string, signatureA: string, signatureP: string }[]} certificates
 */
/**
 * @typedef {object} PinRecord
 * @property {IdentityRecord} trusted
 * @property {IdentityRecord | null} candidate another identity that the server shows now
 * @property {boolean} verified the safety number of `trusted` was compared
 * @property {[number, string][]} seen versions and hashes of lists that were current once, newest last
 * @property {{ body: string, signature: string }[]} evidence two signed lists that contradict each other
 */

/**
 * What all parts of an engine with an enrolled device share.
 * @typedef {object} Core
 * @property {Clock} clock
 * @property {Log} log
 * @property {Database} db
 * @property {Vault} vault
 * @property {Api} api
 * @property {OwnDevice} own
 * @property {AccountRecord} account
 * @property {Mutex} mutex whoever reads and then writes sessions, outbox, rows or rooms holds it
 * @property {<N extends keyof EngineEvents>(name: N, value: EngineEvents[N]) => void} emit
 * @property {() => number} serverNowMs
 * @property {(user: string) => string} nameOf as the person is called
 * @property {(file: FileRecord) => Status} statusOf how far a file is on this device
 * @property {() => number} random 0 … 1, for delays only
 */

/** @typedef {KeyPair} DeviceKeyPair */

export {};
