import { madeHere } from "./recordings.js";

const QUALITY = 0.92;
/** What is asked for; the camera gives what it can. */
const SIZE = { width: { ideal: 1920 }, height: { ideal: 1080 } };

/**
 * @typedef {object} Camera
 * @property {MediaStream} stream what it sees now
 * @property {boolean} isMirrored it looks at whoever holds it, who expects to see a mirror
 * @property {MediaTrackConstraints | null} other how to ask for the next one; null when there is none
 * @property {() => void} stop lets go of it
 */

/** @returns {boolean} */
export function canPhotograph() {
  return navigator.mediaDevices !== undefined;
}

/**
 * Ask for a camera. Rejects with the browser's DOMException: NotAllowedError, NotFoundError and others.
 * @param {MediaTrackConstraints} [which] as `other` of the one before says
 * @returns {Promise<Camera>}
 */
export async function startCamera(which = { facingMode: "environment" }) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...which } });
  const { facingMode, deviceId } = stream.getVideoTracks()[0]?.getSettings() ?? {};
  // Only whoever was allowed to see is told how many there are.
  const devices = await navigator.mediaDevices.enumerateDevices();
  const ids = devices.filter(({ kind }) => kind === "videoinput").map((each) => each.deviceId);
  const next = ids[(ids.indexOf(deviceId ?? "") + 1) % ids.length] ?? "";
  const opposite = facingMode === "user" ? "environment" : "user";
  // A phone has several lenses on each side, and is turned by the side.
  const other = facingMode === undefined ? { deviceId: { exact: next } } : { facingMode: opposite };
  return {
    stream,
    isMirrored: facingMode !== "environment",
    other: ids.length < 2 ? null : other,
    stop() {
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

/**
 * @param {HTMLVideoElement} view that shows a camera
 * @returns {Promise<File>} what it shows, as it is and not as in a mirror; it says nothing of place and time
 */
export async function photoOf(view) {
  const { videoWidth: width, videoHeight: height } = view;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  canvas.getContext("2d")?.drawImage(view, 0, 0);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => {
    canvas.toBlob(resolve, "image/jpeg", QUALITY);
  });
  if (blob === null) throw new DOMException("nothing was drawn", "EncodingError");
  return madeHere(new File([blob], "photo.jpg", { type: "image/jpeg" }));
}
