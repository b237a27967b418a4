// A ledger that is served in a simulation: its sessions behind connections that take time, break on demand, and may have
// somebody between who changes what is said. Guarantees: everything follows from the seed; messages of one connection
// keep their order; after a break neither side hears of the other.
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { failure } from '../../src/base/errors.ts'
import type { EmbeddedLedger } from '../../src/rails/embedded-ledger.ts'
import { LedgerSession } from '../../src/rails/ledger-session.ts'
import type { ConnectLedger } from '../../src/rails/ledger-socket.ts'
import type { Contradiction } from '../../src/rails/ledger-witness.ts'
import { RemoteLedger, type RemoteLedgerOptions } from '../../src/rails/remote-ledger.ts'
import { ByteRoom, RequestAllowance } from '../../src/rails/request-allowance.ts'
import type { ServiceAnswer } from '../../src/rails/service-messages.ts'
import { fakeScheme } from '../ledger/fake-signatures.ts'
import type { LedgerWorld } from './ledger-world.ts'

const plenty = { perSecond: 1e6, burst: 1e6 }

export class SimulatedService {
  /** Undefined: nobody listens. */
  ledger: EmbeddedLedger | undefined
  /** One message in so many breaks its connection instead of arriving; 0: none. */
  breaksOneIn = 0
  /** What becomes of an answer on its way; undefined: it never comes. */
  twist: (answer: ServiceAnswer) => ServiceAnswer | undefined = (answer) => answer
  connections = 0
  breaks = 0
  ofAccount = new RequestAllowance(plenty)
  readonly room = new ByteRoom(1e8)
  readonly contradictions: Contradiction[] = []
  private readonly world: LedgerWorld
  private readonly random
  private readonly ends = new Set<() => void>()

  constructor(world: LedgerWorld, seed = 1) {
    this.world = world
    this.random = simulatedRandom(seed)
  }

  client(options: Partial<RemoteLedgerOptions> = {}): RemoteLedger {
    return new RemoteLedger({
      facts: this.world.people.facts,
      connect: this.connect,
      clock: this.world.clock,
      random: simulatedRandom(3),
      scheme: fakeScheme,
      onContradiction: (contradiction) => this.contradictions.push(contradiction),
      ...options,
    })
  }

  /** All connections end. */
  breakAll(): void {
    for (const end of [...this.ends]) end()
  }

  readonly connect: ConnectLedger = ({ onMessage, onClose }) => {
    const { clock } = this.world
    const { ledger } = this
    this.connections++
    let isOver = false
    let session: LedgerSession | undefined
    const end = () => {
      if (isOver) return
      isOver = true
      this.ends.delete(end)
      this.breaks++
      session?.end()
      clock.after(1, () => onClose(failure('ledger-unreachable', 'the connection broke')))
    }
    let latestMs = clock.nowMs()
    const carry = (deliver: () => void) => {
      latestMs = Math.max(latestMs, clock.nowMs() + this.random.below(8))
      clock.at(latestMs, () => {
        if (isOver) return
        if (this.breaksOneIn > 0 && this.random.below(this.breaksOneIn) === 0) end()
        else deliver()
      })
    }
    this.ends.add(end)
    carry(() => {
      if (ledger === undefined || ledger !== this.ledger) {
        end()
        return
      }
      session = new LedgerSession({
        ledger,
        limits: {
          ofAddress: new RequestAllowance(plenty),
          ofAccount: this.ofAccount,
          maxUnanswered: 4_096,
          maxUnansweredBytes: 1e7,
          room: this.room,
        },
        address: 'somebody',
        nowMs: () => clock.nowMs(),
        send: (message) => {
          const answer = this.twist(JSON.parse(message) as ServiceAnswer)
          if (answer !== undefined) carry(() => onMessage(JSON.stringify(answer)))
        },
      })
    })
    return {
      send: (text) => carry(() => session?.receive(text) !== undefined && end()),
      close: () => {
        isOver = true
        this.ends.delete(end)
        session?.end()
      },
    }
  }
}
