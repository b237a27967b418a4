// Why a tracker refuses: one table for all protocols, with what the client is told and when it should ask again (BEP 31).
// Guarantees: reasons are fixed text, so nothing a stranger sent is ever sent back.
import type { TrackerFailure } from '../formats/tracker/announce.ts'

export type Refusal = 'full' | 'too-many-torrents' | 'too-fast' | 'too-many-requests' | 'not-listed' | 'no-passkey'

function refusal(reason: string, retry: number | 'never'): TrackerFailure {
  return { kind: 'failure', reason, retry }
}

export const refusals: Readonly<Record<Refusal, TrackerFailure>> = {
  'full': refusal('this tracker is full', 3_600),
  'too-many-torrents': refusal('your address has as many torrents here as one may have', 3_600),
  'too-fast': refusal('too many new torrents from your address, try again later', 600),
  'too-many-requests': refusal('too many requests from your address', 60),
  'not-listed': refusal('this torrent is not served here', 'never'),
  'no-passkey': refusal('this tracker is private: your announce URL has no valid passkey', 'never'),
}
