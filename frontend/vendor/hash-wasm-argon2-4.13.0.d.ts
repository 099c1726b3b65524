/** Types of the part we use. Imported for its effect: it sets `globalThis.hashwasm`. */
export {};

declare global {
  var hashwasm: {
    argon2id(options: {
      password: string | Uint8Array;
      salt: Uint8Array;
      /** lanes, `p` */
      parallelism: number;
      /** passes, `t` */
      iterations: number;
      /** KiB, `m` */
      memorySize: number;
      /** bytes */
      hashLength: number;
      outputType: "binary";
    }): Promise<Uint8Array<ArrayBuffer>>;
  };
}
