// What of src/session no scenario reaches, `file function` as tools/simulation-coverage.ts names them, by the reason.
// Guarantees: whatever is not here is reached. Who makes something here reachable takes it out.

export const unreached: Readonly<Record<string, readonly string[]>> = {
  'an interface wants it, and whoever implements it there is never called for it': [
    // A file that is open for reading is written by nobody.
    'src/session/read-whole.ts readWhole > onWritten',
    // Nobody has asked the rate limits for anything before there is a swarm, and all are disconnected when it goes.
    'src/session/torrent-exchange.ts maySend',
    // Web seeds are sent nothing that limits hold for.
    'src/session/web-seed-driver.ts joinLimits > maySend',
    // Once there is a swarm, connections tell it of hashes themselves.
    'src/session/swarming.ts takeHashReject',
    'src/session/swarming.ts takeHashes',
    // Trackers are sent a few datagrams, and no socket refuses those for want of room.
    'src/session/datagram-routing.ts open > onRoom',
    'src/session/local-discovery-driver.ts reopen > onRoom',
  ],
  'what comes before keeps it from happening, and it is there all the same': [
    // TrackerClient asks nothing of trackers whose URL is none.
    'src/session/tracker-driver.ts refuse',
    // UDP trackers give counts with each announce, so that no client asks them for a scrape.
    'src/session/tracker-driver.ts swarmsOf',
  ],
  'it takes more than a simulation has': [
    // Ten thousand liars at as many addresses, one torrent: minutes for each run.
    'src/session/peer-list.ts dropFirstBan',
    // Fifteen hundred peers that nodes of the DHT made up.
    'src/session/peer-list.ts takeHearsay > (anonymous)',
    // Sockets there know their own address, and nodes take it for granted until most others say another.
    'src/session/session.ts Session > noteOwnAddress',
    // Encrypted connections from four thousand addresses.
    'src/session/encryption-gate.ts forgetOldest',
    // A disk with no room for a folder: simulated ones always have.
    'src/session/torrent.ts Torrent > (anonymous)',
  ],
  'no session pays its peers yet; tests of its own kill it at every await': [
    'src/session/lane-driver.ts',
    'src/session/lane-records-reader.ts',
  ],
  'for tests, or for callers that are not there yet': [
    'src/session/peer-list.ts hasId',
    'src/session/rate-limiter.ts setExempt',
    'src/session/wake-heap.ts get size',
  ],
}
