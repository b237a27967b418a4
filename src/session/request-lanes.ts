// Waiting in line for hosts: so many jobs under way at once in all and at each host, the hosts served in turn.
// Guarantees: no host waits for another one's slow answers while there is room in all; work is constant per job,
// however many wait. Owns the lines; what a job does is its owner's.

export interface LaneLimits {
  readonly maxUnderWay: number
  readonly maxPerHost: number
}

/** A job that knows how to begin. */
export interface LaneJob {
  readonly host: string
  begin(): void
}

interface Host<Job> {
  underWay: number
  readonly waiting: Set<Job>
}

export class RequestLane<Job extends { readonly host: string }> {
  private readonly limits: LaneLimits
  private readonly begin: (job: Job) => void
  private readonly hosts = new Map<string, Host<Job>>()
  private readonly underWay = new Set<Job>()
  /** Hosts with somebody waiting and room for one more, by name; the first is next. */
  private readonly ready = new Set<string>()

  /** `begin` is called once for each job when its turn comes; it may end jobs and add others. */
  constructor(limits: LaneLimits, begin: (job: Job) => void) {
    this.limits = limits
    this.begin = begin
  }

  add(job: Job): void {
    let host = this.hosts.get(job.host)
    if (host === undefined) {
      host = { underWay: 0, waiting: new Set() }
      this.hosts.set(job.host, host)
    }
    host.waiting.add(job)
    this.review(job.host, host)
    this.pump()
  }

  /** The job is done or no longer wanted; ending it again does nothing. */
  end(job: Job): void {
    const host = this.hosts.get(job.host)
    if (host === undefined) return
    host.waiting.delete(job)
    if (this.underWay.delete(job)) host.underWay--
    this.review(job.host, host)
    this.pump()
  }

  private review(name: string, host: Host<Job>): void {
    if (host.waiting.size > 0 && host.underWay < this.limits.maxPerHost) this.ready.add(name)
    else this.ready.delete(name)
    if (host.waiting.size === 0 && host.underWay === 0) this.hosts.delete(name)
  }

  private pump(): void {
    while (this.underWay.size < this.limits.maxUnderWay) {
      const [name] = this.ready
      const host = name === undefined ? undefined : this.hosts.get(name)
      if (name === undefined || host === undefined) return
      const [job] = host.waiting
      this.ready.delete(name)
      if (job === undefined) continue
      host.waiting.delete(job)
      host.underWay++
      this.underWay.add(job)
      this.review(name, host)
      this.begin(job)
    }
  }
}
