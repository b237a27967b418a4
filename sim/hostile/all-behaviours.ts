// Every kind of harm there is, in one table.
// Their order is part of what a seed means: new kinds come last of their list.
import type { Behaviour } from './behaviour.ts'
import { floods } from './floods.ts'
import { lies } from './lies.ts'

export const allBehaviours: readonly Behaviour[] = [...floods, ...lies]
