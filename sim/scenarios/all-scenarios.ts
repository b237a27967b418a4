// Every scenario there is, by name, as the command line and the tests know them.
// In the order in which they are listed and played: what everybody does first, then faults, then harm.
import type { Scenario } from '../scenario.ts'
import { addressesChange } from './addresses-change.ts'
import { behindNat } from './behind-nat.ts'
import { budgetsChange } from './budgets-change.ts'
import { changedLimits } from './changed-limits.ts'
import { churn } from './churn.ts'
import { contestedAuction } from './contested-auction.ts'
import { contradictoryHybrid } from './contradictory-hybrid.ts'
import { corruptPeer } from './corrupt-peer.ts'
import { damagedRecords } from './damaged-records.ts'
import { dhtChurn } from './dht-churn.ts'
import { dhtSybils } from './dht-sybils.ts'
import { earningAlone } from './earning-alone.ts'
import { encryptedPeers } from './encrypted-peers.ts'
import { exchangeAlone } from './exchange-alone.ts'
import { failingDisk } from './failing-disk.ts'
import { fewPlaces } from './few-places.ts'
import { filesVanish } from './files-vanish.ts'
import { flashCrowd } from './flash-crowd.ts'
import { freeRiders } from './free-riders.ts'
import { fullDisk } from './full-disk.ts'
import { hostileCrowd } from './hostile-crowd.ts'
import { hostileOneKind } from './hostile-one-kind.ts'
import { hundredPeers } from './hundred-peers.ts'
import { jobDownload } from './job-download.ts'
import { lateAnswers } from './late-answers.ts'
import { lateRounds } from './late-rounds.ts'
import { lateSeed } from './late-seed.ts'
import { ledgerOutage } from './ledger-outage.ts'
import { linksInDetail } from './links-in-detail.ts'
import { linksInDht } from './links-in-dht.ts'
import { localNetwork } from './local-network.ts'
import { lossyLinks } from './lossy-links.ts'
import { magnets } from './magnets.ts'
import { marketLiars } from './market-liars.ts'
import { motleyTrackers } from './motley-trackers.ts'
import { neighbours } from './neighbours.ts'
import { newcomer } from './newcomer.ts'
import { oneJobEach } from './one-job-each.ts'
import { paidCrashes } from './paid-crashes.ts'
import { paidDownload } from './paid-download.ts'
import { paidFlashCrowd } from './paid-flash-crowd.ts'
import { paidLiars } from './paid-liars.ts'
import { paidStaying } from './paid-staying.ts'
import { partition } from './partition.ts'
import { peopleMeddle } from './people-meddle.ts'
import { powerCuts } from './power-cuts.ts'
import { powerLoss } from './power-loss.ts'
import { privateInDht } from './private-in-dht.ts'
import { privateTracker } from './private-tracker.ts'
import { queueOfTorrents } from './queue-of-torrents.ts'
import { rateLimited } from './rate-limited.ts'
import { seederLeaves } from './seeder-leaves.ts'
import { selection } from './selection.ts'
import { serialDefault } from './serial-default.ts'
import { silentSeeds } from './silent-seeds.ts'
import { slowDisk } from './slow-disk.ts'
import { slowSeeds } from './slow-seeds.ts'
import { steadyArrivals } from './steady-arrivals.ts'
import { tooManyNames } from './too-many-names.ts'
import { udpTrackers } from './udp-trackers.ts'
import { webSeeds } from './web-seeds.ts'

const scenarios: readonly Scenario[] = [
  flashCrowd,
  steadyArrivals,
  churn,
  seederLeaves,
  freeRiders,
  partition,
  slowDisk,
  fullDisk,
  failingDisk,
  powerLoss,
  powerCuts,
  damagedRecords,
  filesVanish,
  oneJobEach,
  queueOfTorrents,
  magnets,
  linksInDetail,
  contradictoryHybrid,
  selection,
  privateTracker,
  linksInDht,
  privateInDht,
  dhtChurn,
  dhtSybils,
  exchangeAlone,
  udpTrackers,
  motleyTrackers,
  encryptedPeers,
  peopleMeddle,
  behindNat,
  addressesChange,
  lossyLinks,
  rateLimited,
  changedLimits,
  localNetwork,
  neighbours,
  lateSeed,
  newcomer,
  slowSeeds,
  silentSeeds,
  webSeeds,
  paidDownload,
  paidFlashCrowd,
  contestedAuction,
  lateRounds,
  jobDownload,
  paidCrashes,
  ledgerOutage,
  budgetsChange,
  paidStaying,
  earningAlone,
  corruptPeer,
  lateAnswers,
  fewPlaces,
  tooManyNames,
  hostileOneKind,
  hostileCrowd,
  paidLiars,
  marketLiars,
  serialDefault,
  hundredPeers,
]

export const allScenarios: ReadonlyMap<string, Scenario> = new Map(scenarios.map((one) => [one.name, one]))
