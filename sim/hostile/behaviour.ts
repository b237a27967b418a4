// What a hostile behaviour is: what a peer does on each connection, and whether that proves what it is. Types only.
// A behaviour keeps no state but that of the lines it is begun on.
import type { HostileLine } from './hostile-line.ts'

export interface Behaviour {
  /** As it is reported. */
  readonly name: string
  /**
   * `each`: what it sends no honest peer sends, so that each connection ends within 30 s of it. `some`: it is found out
   * where its lie is looked at. `none`: honest peers may be as slow, as idle or as unlucky.
   */
  readonly proof: 'each' | 'some' | 'none'
  /** It lies about what only version 2 has, or only torrents of version 2 alone. */
  readonly needsV2?: 'v2' | 'hybrid'
  /** It only shows towards who knows the link alone. */
  readonly needsMagnets?: boolean
  /** To each honest peer at once; 1. */
  readonly lineCount?: number
  /** After the end of a line, and how often in all. */
  readonly redialMs?: number
  readonly maxDials?: number
  /** Called before the line stands: says what is to happen on it. */
  readonly begin: (line: HostileLine) => void
}

/** Handshakes as everybody does, then whatever it has in mind. */
export function afterHandshake(act: (line: HostileLine) => void): (line: HostileLine) => void {
  return (line) => {
    if (line.isDialled) line.onStanding = () => line.shakeHands()
    line.onShaken = () => {
      if (!line.isDialled) line.shakeHands()
      act(line)
    }
  }
}
