/** @import { OutgoingFile } from "../session/types.js" */
import { loudness, waveOf } from "../lib/waveform.js";

/** Opus where the browser has it; Safari on older phones records AAC. */
const TYPES = ["audio/ogg", "audio/webm", "audio/mp4"];
const BITS_PER_SECOND = 32_000; // a clear voice in Opus
const LOOK_EVERY_MS = 50;

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
 * @param {(level: number, elapsedMs: number) => void} onLevel 0 … 255, twenty times a second
 * @returns {Promise<Recording>}
 */
export async function beginRecording(onLevel) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each)) ?? "audio/mp4";
  const options = { mimeType: type, audioBitsPerSecond: BITS_PER_SECOND };
  const recorder = new MediaRecorder(stream, options);
  const sound = new AudioContext();
  const analyser = sound.createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  const beganMs = performance.now();
  const elapsedMs = () => performance.now() - beganMs;
  /** @type {Blob[]} */
  const parts = [];
  /** @type {number[]} */
  const levels = [];
  sound.createMediaStreamSource(stream).connect(analyser);
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
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
    for (const track of stream.getTracks()) track.stop();
    void sound.close();
  }
  return {
    async stop() {
      const durationMs = Math.round(elapsedMs());
      const isWhole = new Promise((resolve) => {
        recorder.addEventListener("stop", resolve, { once: true });
      });
      const isRunning = recorder.state !== "inactive";
      end();
      if (isRunning) await isWhole;
      const file = new File(parts, `voice.${type.slice("audio/".length)}`, { type });
      const hints = { thumb: null, width: null, height: null };
      return { file, ...hints, durationMs, wave: waveOf(levels) };
    },
    cancel: end,
  };
}
