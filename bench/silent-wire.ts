// A sink of the peer wire that does nothing, for benchmarks to count in what they measure.
// Guarantees: all sinks made of it have one shape, so that none is measured slower for it. Keeps no state.
import type { WireSink } from '../src/formats/peer/wire-messages.ts'

export class SilentWire implements WireSink {
  keepAlive(): void {}
  choke(): void {}
  unchoke(): void {}
  interested(): void {}
  notInterested(): void {}
  have(): void {}
  bitfield(): void {}
  request(_piece: number, _begin: number, _length: number): void {}
  piece(_piece: number, _begin: number, _length: number): void {}
  blockFragment(_offset: number, _chunk: Uint8Array, _start: number, _end: number): void {}
  cancel(): void {}
  port(): void {}
  suggest(): void {}
  haveAll(): void {}
  haveNone(): void {}
  reject(): void {}
  allowedFast(): void {}
  extended(): void {}
  hashRequest(): void {}
  hashes(): void {}
  hashReject(): void {}
  unknown(): void {}
}
