// Receipts of a payee over one connection: what of each lane's vouchers is on its disk, said to the payer with a signature.
// Guarantees: none for what is not durable, none twice; a few in a minute at most, however many vouchers come. Owns what was
// said last.
import type { TokenAmount } from '../base/token-amount.ts'
import type { SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { LaneId } from '../ports/ledger.ts'

/** `selling`: more vouchers are to come; `pausing`: none but for what is owed; `ending`: the payer ends its lanes. */
export type ReceiptOccasion = 'selling' | 'pausing' | 'ending'

const apartMs: Readonly<Record<ReceiptOccasion, number>> = { selling: 30_000, pausing: 1_000, ending: 0 }

export class SellingReceipts {
  private readonly stated = new Map<LaneId, TokenAmount>()
  private statedAtMs: number

  constructor(nowMs: number) {
    this.statedAtMs = nowMs
  }

  /** Receipts to be stated now, of what each lane has paid in all, and of how many bytes of the connection are paid for. */
  due(
    paidOnLanes: readonly { readonly lane: LaneId; readonly paid: TokenAmount }[],
    bytes: number,
    occasion: ReceiptOccasion,
    nowMs: number,
  ): Extract<SpeedStatement, { readonly type: 'receipt' }>[] {
    if (nowMs < this.statedAtMs + apartMs[occasion]) return []
    const more = paidOnLanes.filter(({ lane, paid }) => paid > (this.stated.get(lane) ?? 0n))
    if (more.length > 0) this.statedAtMs = nowMs
    for (const { lane, paid } of more) this.stated.set(lane, paid)
    return more.map(({ lane, paid }) => ({ type: 'receipt', lane, bytes, amount: paid }))
  }
}
