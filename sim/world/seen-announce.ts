// An announce as a tracker of a simulated world saw it: what was said, by whom and when. Types only; trackers keep them
// and tell whoever watches.
import type { AnnounceEvent } from '../../src/formats/tracker/announce.ts'

interface AskedTracker {
  readonly url: string
  /** It takes connections and never answers. */
  readonly isSilent: boolean
  readonly server: { readonly intervalSeconds: number; readonly minIntervalSeconds: number }
}

export interface SeenAnnounce {
  readonly tracker: AskedTracker
  readonly from: string
  readonly atMs: number
  readonly infoHash: string
  /** In hexadecimal. */
  readonly peerId: string
  readonly event: AnnounceEvent
  readonly key: number | undefined
  readonly leftBytes: number
  readonly downloadedBytes: number
  readonly uploadedBytes: number
  /** It was not silent. */
  readonly isAnswered: boolean
}
