/**
 * Types of the SEAL1 core. Key roles are branded, so that handing a root key to a function that wants a
 * message key fails the type check although both are 32 bytes.
 */

/** @import { Bytes } from "../lib/bytes.js" */

/** @typedef {Bytes & { readonly role: "shared-secret" }} SharedSecret SK of X3DH, 32 bytes */
/** @typedef {Bytes & { readonly role: "root-key" }} RootKey RK, 32 bytes */
/** @typedef {Bytes & { readonly role: "chain-key" }} ChainKey CK of a ratchet chain, 32 bytes */
/** @typedef {Bytes & { readonly role: "message-key" }} MessageKey MK, 32 bytes, used once */
/** @typedef {Bytes & { readonly role: "content-key" }} ContentKey CK of a payload, 32 bytes */
/** @typedef {Bytes & { readonly role: "franking-key" }} FrankingKey fk, 32 bytes */
/** @typedef {Bytes & { readonly role: "auth-key" }} AuthKey what the server gets instead of the password */
/** @typedef {Bytes & { readonly role: "key-encryption-key" }} KeyEncryptionKey KEK, 32 bytes */
/** @typedef {Bytes & { readonly role: "backup-key" }} BackupKey BRK, 32 bytes */
/** @typedef {Bytes & { readonly role: "file-key" }} FileKey FK, 32 bytes, for one file */
/** @typedef {Bytes & { readonly role: "link-secret" }} LinkSecret LS, 32 bytes, in the fragment of a link */
/** @typedef {Bytes & { readonly role: "sealing-key" }} SealingKey K of a sealed file, 32 bytes */

/** @typedef {Bytes} PublicKey uncompressed SEC1 point on P-256, 65 bytes, first byte 4 */
/** @typedef {Bytes} Signature r ‖ s, 64 bytes (IEEE P1363) */

/**
 * @typedef {object} KeyPair
 * @property {CryptoKey} privateKey
 * @property {PublicKey} publicKey
 */

/**
 * The public half of a device, as bound into every transcript (id of SEAL1 §4.4).
 * @typedef {object} DeviceIdentity
 * @property {Bytes} userId 16 bytes
 * @property {Bytes} deviceId 16 bytes
 * @property {PublicKey} accountKey AIK
 * @property {PublicKey} signingKey DSK
 * @property {PublicKey} agreementKey DIK
 */

/**
 * @typedef {object} SignedCertificate
 * @property {Bytes} body DevCertBody
 * @property {Signature} accountSignature sigA, by AIK over the body
 * @property {Signature} possessionSignature sigP, by DSK over H(body) and AIK
 */

/**
 * A device certificate whose two signatures have been verified.
 * @typedef {DeviceIdentity & {
 *   createdAtMs: number,
 *   suites: number,
 *   certHash: Bytes,
 * }} DeviceCertificate `suites` is a bitmap: bit 0 suite 1, bit 1 suite 2
 */

/**
 * @typedef {object} DeviceListEntry
 * @property {Bytes} deviceId 16 bytes
 * @property {Bytes} certHash 32 bytes
 * @property {"active" | "revoked"} status
 * @property {number} sinceMs
 */

/**
 * A device list whose signature has been verified; also what is pinned per user.
 * @typedef {object} DeviceList
 * @property {Bytes} userId 16 bytes
 * @property {number} version 1 for the first
 * @property {Bytes} prevHash 32 bytes, zero for the first
 * @property {number} issuedAtMs
 * @property {readonly DeviceListEntry[]} entries
 * @property {Bytes} hash listHash, 32 bytes
 */

/**
 * @typedef {object} SignedPreKey
 * @property {number} id
 * @property {PublicKey} publicKey
 * @property {number} createdAtMs
 * @property {number} expiresAtMs
 * @property {Signature} signature
 */

/**
 * @typedef {object} OneTimePreKey
 * @property {number} id
 * @property {PublicKey} publicKey
 * @property {Signature} signature
 */

/**
 * What the initiator sends beside each message until the first answer (pre of SEAL1 §4.4).
 * @typedef {object} PreHeader
 * @property {number} suite
 * @property {PublicKey} ephemeralKey EK_A
 * @property {number} signedPreKeyId
 * @property {number | null} oneTimePreKeyId
 * @property {Bytes} certHash of the initiator's certificate, 32 bytes
 */

/**
 * A session key as both sides compute it.
 * @typedef {object} Agreement
 * @property {SharedSecret} sharedSecret SK
 * @property {Bytes} transcriptHash TH, 32 bytes; the associated data of the whole session
 * @property {Bytes} sessionId sid, 16 bytes
 */

/**
 * @typedef {object} SkippedKey
 * @property {PublicKey} ratchetKey the sender's DHs of that chain
 * @property {number} number N
 * @property {MessageKey} messageKey
 * @property {number} storedAtMs
 */

/**
 * One side of a Double Ratchet; never changed in place.
 * @typedef {object} RatchetState
 * @property {Bytes} transcriptHash TH
 * @property {RootKey} rootKey RK
 * @property {Readonly<KeyPair>} ownRatchet DHs; the private key is non-extractable
 * @property {PublicKey | null} peerRatchetKey DHr
 * @property {ChainKey | null} sendingChainKey CKs
 * @property {ChainKey | null} receivingChainKey CKr
 * @property {number} sendCount Ns
 * @property {number} receiveCount Nr
 * @property {number} previousSendCount PN
 * @property {number} ratchetStep DH steps on our sending side, informational
 * @property {readonly SkippedKey[]} skipped oldest first
 */

/**
 * @typedef {object} RatchetHeader
 * @property {PublicKey} ratchetKey
 * @property {number} previousCount PN
 * @property {number} number N
 */

/** @typedef {"message" | "reset" | "retry" | "heartbeat" | "key-share"} CapsuleKind */

/**
 * @typedef {object} Capsule
 * @property {CapsuleKind} kind
 * @property {ContentKey} contentKey CK
 * @property {Bytes} payloadHash PH, 32 bytes
 * @property {Bytes} msgId 16 bytes
 * @property {number} sentAtMs
 */

/**
 * Where a payload belongs; the receiver fills it from its own view, never from the envelope.
 * @typedef {object} PayloadContext
 * @property {Bytes} roomId 32 bytes
 * @property {number} epoch
 * @property {Bytes} rosterHash 32 bytes
 * @property {Bytes} msgId 16 bytes
 * @property {Bytes} senderUser 16 bytes
 * @property {Bytes} senderDevice 16 bytes
 */

/**
 * The JSON inside a payload; other fields belong to the type named by `t`.
 * @typedef {Record<string, unknown> & {
 *   t: string,
 *   sseq?: number,
 *   prev?: string,
 *   exp?: number,
 *   dl?: { own: [version: number, hash: string], peers: string },
 * }} Content
 */

/**
 * @typedef {object} KdfParams
 * @property {string} alg "argon2id"
 * @property {number} mKib memory in KiB
 * @property {number} t passes
 * @property {number} p lanes
 */

/**
 * @typedef {(input: {
 *   password: Bytes, salt: Bytes, mKib: number, t: number, p: number,
 * }) => Promise<Bytes>} Argon2id 32 bytes; the password is UTF-8 of its NFC form
 */

export {};
