// Port: randomness. In production unpredictable to anyone outside (a CSPRNG), as keys, tokens and nonces need; in
// simulation a stream that its seed repeats. Synchronous, never fails. Machines take what they need as arguments.

export interface Random {
  /** Fills all of `target`; the one source of secrets, peer ids, nonces and write tokens. */
  fill(target: Uint8Array): void
  /** Uniform in [0, limit), without bias; limit 1 to 2^32. Cheap: for choosing among peers, pieces and ports. */
  below(limit: number): number
}
