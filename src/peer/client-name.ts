// Which program a peer runs, as its peer id tells (BEP 20): "-LT2080-" and what follows is libtorrent 2.0.8.0.
// Guarantees: always some short text of letters, digits and dots, whatever the id; hearsay, for display only.
import { fromHex, toLatin1 } from '../base/bytes.ts'
import { unwrap } from '../base/errors.ts'
import { clientCode, type PeerId } from '../base/ids.ts'

const names: Readonly<Record<string, string>> = {
  [clientCode]: 'Swarmbid',
  A2: 'aria2',
  AZ: 'Vuze',
  BC: 'BitComet',
  BI: 'BiglyBT',
  DE: 'Deluge',
  FD: 'Free Download Manager',
  KT: 'KTorrent',
  LT: 'libtorrent',
  lt: 'libTorrent (rTorrent)',
  qB: 'qBittorrent',
  TL: 'Tribler',
  TR: 'Transmission',
  TX: 'Tixati',
  UM: 'uTorrent Mac',
  UT: 'uTorrent',
  WW: 'WebTorrent',
  XL: 'Xunlei',
}

/** Name and version, or `unknown`. */
export function clientName(peerId: PeerId): string {
  const match = /^-([A-Za-z0-9]{2})([A-Za-z0-9]{4})-/.exec(toLatin1(unwrap(fromHex(peerId))))
  if (match === null) return 'unknown'
  const [, code = '', version = ''] = match
  return `${names[code] ?? code} ${[...version].map((digit) => Number.parseInt(digit, 36)).join('.')}`
}
