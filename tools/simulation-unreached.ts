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
    // Nothing is bought over the side of a connection that sells; and a seller's market has nothing plain to say.
    'src/session/speed-connection.ts beginEarning > budgetSpent',
    'src/session/selling-side.ts tell',
    // Bids of a torrent are bounded by the market of its jobs, which says so itself.
    'src/session/torrent-markets.ts placeOf > mostPerMiB',
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
    // What is known of torrents that went is forgotten after thirty days, or when there are ten thousand of them.
    'src/session/earn-records.ts save > (anonymous)',
    // Claims are free on all ledgers there are.
    'src/session/settlement-rule.ts settlementOf > settles',
    // A program that ends asks, after its session.
    'src/session/settlement-rule.ts isWorthCashing',
    // Ten thousand liars at as many addresses, one torrent: minutes for each run.
    'src/session/peer-list.ts dropFirstBan',
    // Fifteen hundred peers that nodes of the DHT made up.
    'src/session/peer-list.ts takeHearsay > (anonymous)',
    // Sockets there know their own address, and nodes take it for granted until most others say another.
    'src/session/session.ts Session > noteOwnAddress',
    // Encrypted connections from four thousand addresses.
    'src/session/encryption-gate.ts forgetOldest',
    // More than a hundred frauds that one account finds out; a second job, with providers who are known from a first.
    'src/session/kept-proofs.ts keepProofs > (anonymous)',
    'src/session/provider-records.ts handicapOf > (anonymous)',
    // A piece that is given up while it is paid for: a disk that fails in the middle of it.
    'src/session/paid-blocks.ts abandoned',
    'src/session/speed-policies.ts speedDownloadPolicy > onAbandoned',
    // A second ledger, whose records are damaged when the program begins.
    'src/session/speed-desk.ts open > (anonymous)',
    // A disk with no room for a folder: simulated ones always have.
    'src/session/torrent.ts Torrent > (anonymous)',
  ],
  'for tests, or for callers that are not there yet': [
    'src/session/peer-list.ts hasId',
    'src/session/rate-limiter.ts setExempt',
    'src/session/wake-heap.ts get size',
    // `speed explain`, and what a person's interfaces show of ledgers.
    'src/session/award-records.ts toJson',
    'src/session/speed-desk.ts ledgers',
  ],
}
