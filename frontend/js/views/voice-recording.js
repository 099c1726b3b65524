/** @import { OutgoingFile } from "../session/types.js" */
import { loudness, waveOf } from "../lib/waveform.js";
import { madeHere } from "./recordings.js";

/** What most listeners can play first: Safari plays WebM since 17.4, Ogg only since 18.4. */
const TYPES = ["audio/webm", "audio/mp4", "audio/ogg"];
const BITS_PER_SECOND = 32_000; // a clear voice in Opus
const LOOK_EVERY_MS = 50;
/** The longest recording: 14 MB, which lie in memory until it is sent. */
export const LONGEST_MS = 3_600_000;

/**
 * @typedef {object} Recording
 * @property {() => Promise<OutgoingFile>} stop ends it and lets go of the microphone
 * @property {() => void} cancel the same, and forgets what was said
 */

/** @returns {boolean} */
export function canRecord() {
  return "MediaRecorder" in globalThis && navigator.mediaDevices !== undefined;
}

/**
 * Ask for the microphone and begin. Rejects with the browser's DOMException: NotAllowedError, NotFoundError and others.
 * @param {(level: number, elapsedMs: number) => void} onLevel 0 … 255, twenty times a second; at LONGEST_MS it is to be
 *   stopped
 * @param {() => void} onSilence the microphone was taken away, by a call for instance: it is to be stopped
 * @returns {Promise<Recording>}
 */
export async function beginRecording(onLevel, onSilence) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  try {
    return recordingOf(stream, onLevel, onSilence);
  } catch (error) {
    letGo(stream);
    throw error;
  }
}

/**
 * @param {MediaStream} stream
 * @param {(level: number, elapsedMs: number) => void} onLevel
 * @param {() => void} onSilence
 * @returns {Recording}
 */
function recordingOf(stream, onLevel, onSilence) {
  const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each)) ?? "audio/mp4";
  const options = { mimeType: type, audioBitsPerSecond: BITS_PER_SECOND };
  const recorder = new MediaRecorder(stream, options);
  const sound = new AudioContext();
  const analyser = sound.createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  const beganMs = performance.now();
  const elapsedMs = () => Math.min(performance.now() - beganMs, LONGEST_MS);
  /** @type {Blob[]} */
  const parts = [];
  /** @type {number[]} */
  const levels = [];
  sound.createMediaStreamSource(stream).connect(analyser);
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const isWhole = new Promise((resolve) => {
    recorder.addEventListener("stop", resolve, { once: true });
  });
  for (const track of stream.getTracks()) {
    for (const event of ["ended", "mute"]) track.addEventListener(event, onSilence);
  }
  recorder.start();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const level = loudness(samples);
    levels.push(level);
    onLevel(level, elapsedMs());
  }, LOOK_EVERY_MS);

  function end() {
    clearInterval(timer);
    if (recorder.state !== "inactive") recorder.stop();
    letGo(stream);
    void sound.close();
  }
  return {
    async stop() {
      const durationMs = Math.round(elapsedMs());
      end();
      await isWhole;
      const file = madeHere(new File(parts, `voice.${type.slice("audio/".length)}`, { type }));
      const hints = { thumb: null, width: null, height: null };
      return { file, ...hints, durationMs, wave: waveOf(levels) };
    },
    cancel: end,
  };
}

/** @param {MediaStream} stream */
function letGo(stream) {
  for (const track of stream.getTracks()) track.stop();
}
