// Every check there is, in the order they report. A run has them all: which scenario it is makes no difference to
// what is promised.
import { announcesInOrder } from './announces-in-order.ts'
import { answersRequests } from './answers-requests.ts'
import { asksPolitely } from './asks-politely.ts'
import { bansNobodyHonest } from './bans-nobody-honest.ts'
import { boundsCredit } from './bounds-credit.ts'
import type { CheckMaker } from './check.ts'
import { countsBytes } from './counts-bytes.ts'
import { exchangesPolitely } from './exchanges-politely.ts'
import { finishesHonestly } from './finishes-honestly.ts'
import { keepsBooks } from './keeps-books.ts'
import { keepsRates } from './keeps-rates.ts'
import { keepsRounds } from './keeps-rounds.ts'
import { keepsSlots } from './keeps-slots.ts'
import { keepsTalking } from './keeps-talking.ts'
import { limitsExposure } from './limits-exposure.ts'
import { paysHonestly } from './pays-honestly.ts'
import { releasesAll } from './releases-all.ts'
import { settlesUp } from './settles-up.ts'
import { tellsTheTruth } from './tells-the-truth.ts'
import { wantsWhatItLacks } from './wants-what-it-lacks.ts'

export const allChecks: readonly CheckMaker[] = [
  tellsTheTruth,
  answersRequests,
  asksPolitely,
  wantsWhatItLacks,
  finishesHonestly,
  keepsSlots,
  keepsRates,
  countsBytes,
  announcesInOrder,
  bansNobodyHonest,
  exchangesPolitely,
  keepsTalking,
  keepsBooks,
  paysHonestly,
  limitsExposure,
  boundsCredit,
  keepsRounds,
  settlesUp,
  releasesAll,
]
