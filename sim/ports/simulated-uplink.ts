// Whose packet leaves over a host's uplink next: senders of TCP that have something to send take turns, a packet each.
// Guarantees: one packet at a time; whoever waits comes in the order of asking; what a packet carries is chosen when its
// turn comes, so that it takes what was written meanwhile. Owns the order; what is short goes past it.

export interface UplinkUser {
  /** Its turn: the packet is on the line now, `end` follows. False: there is nothing that it may send. */
  begin(): boolean
}

export class UplinkTurns {
  private readonly waiting: UplinkUser[] = []
  private isTaken = false

  /** Calls `begin` now or later, once. */
  ask(user: UplinkUser): void {
    if (this.isTaken) this.waiting.push(user)
    else this.isTaken = user.begin()
  }

  /** The packet has left. */
  end(): void {
    this.isTaken = false
    while (!this.isTaken) {
      const next = this.waiting.shift()
      if (next === undefined) return
      this.isTaken = next.begin()
    }
  }
}
