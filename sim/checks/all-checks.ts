// Every check there is, in the order they report. A run has them all: which scenario it is makes no difference to
// what is promised.
import { answersRequests } from './answers-requests.ts'
import { asksPolitely } from './asks-politely.ts'
import type { CheckMaker } from './check.ts'
import { tellsTheTruth } from './tells-the-truth.ts'

export const allChecks: readonly CheckMaker[] = [tellsTheTruth, answersRequests, asksPolitely]
