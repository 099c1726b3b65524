/** Shapes of single fields that bodies and frames share. */

import { base64, base64UpTo, matching } from "./shape.js";

export const id16 = base64(16); // users, devices, messages, sessions, log-ins, salts
export const roomId = base64(32);
export const hash = base64(32);
export const signature = base64(64);
export const point = matching(/^B[A-Za-z0-9_-]{85}[AEIMQUYcgkosw048]$/); // 65 bytes, the first one 4
export const friendCode = matching(/^[0-9a-f]{12}$/);
export const signedBytes = base64UpTo(12_288);
