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
  'tests play it between sessions, no scenario yet: jobs with a deadline, and markets that cheat': [
    'src/session/award-records.ts toJson',
    'src/session/buying-side.ts ban',
    'src/session/job-buying.ts rootShown',
    'src/session/job-buying.ts shown',
    'src/session/job-buying.ts tick',
    'src/session/job-buying.ts gather',
    'src/session/job-buying.ts reviewShare',
    'src/session/job-buying.ts drain',
    'src/session/job-buying.ts perform',
    'src/session/job-buying.ts tell',
    'src/session/job-buying.ts won',
    'src/session/job-buying.ts lost',
    'src/session/job-buying.ts begins',
    'src/session/job-buying.ts ends',
    'src/session/job-buying.ts priceOf',
    'src/session/job-selling.ts jobRootShown',
    'src/session/job-selling.ts shown',
    'src/session/job-selling.ts toldOfJob',
    'src/session/job-selling.ts tick',
    'src/session/job-selling.ts get takenShares > (anonymous)',
    'src/session/job-selling.ts perform',
    'src/session/job-selling.ts begin',
    'src/session/job-selling.ts end',
    'src/session/job-selling.ts cheated',
    'src/session/kept-proofs.ts keepProofs',
    'src/session/paid-blocks.ts abandoned',
    'src/session/paid-blocks.ts drop',
    'src/session/proof-bytes.ts split',
    'src/session/provider-records.ts handicapOf',
    'src/session/provider-records.ts ended',
    'src/session/seller-memory.ts of > (anonymous)',
    'src/session/selling-side.ts get isInterested',
    'src/session/selling-side.ts tell',
    'src/session/selling-side.ts ban',
    'src/session/speed-buying.ts rootShown',
    'src/session/speed-buying.ts shown',
    'src/session/speed-buying.ts perform > (anonymous)',
    'src/session/speed-buying.ts rest',
    'src/session/speed-connection.ts wake',
    'src/session/speed-connection.ts banPeer',
    'src/session/speed-connection.ts beginEarning > budgetSpent',
    'src/session/speed-connection.ts beginPaying > refused',
    'src/session/speed-connection.ts take > (anonymous)',
    'src/session/speed-connection.ts refused',
    'src/session/speed-connection.ts takeShown',
    'src/session/speed-desk.ts open > (anonymous)',
    'src/session/speed-desk.ts ledgers',
    'src/session/speed-parties.ts get count',
    'src/session/speed-policies.ts speedDownloadPolicy > onAbandoned',
    'src/session/speed-selling.ts isHolding',
    'src/session/speed-selling.ts get freeShares',
    'src/session/torrent-markets.ts placeOf > pieceBytes',
    'src/session/torrent-markets.ts placeOf > mostPerMiB',
    'src/session/torrent-markets.ts placeOf > keepProofs',
    'src/session/torrent-speed.ts TorrentSpeed > pieceBytes',
    'src/session/torrent-speed.ts TorrentSpeed > cheated',
    'src/session/torrent-speed.ts ban',
    'src/session/torrent-speed.ts cheated',
  ],
  'for tests, or for callers that are not there yet': [
    'src/session/peer-list.ts hasId',
    'src/session/rate-limiter.ts setExempt',
    'src/session/wake-heap.ts get size',
  ],
}
