// Makes statements.json: what viem hashes and signs for statements of every kind. Not part of any install; see README.md.
// The types stand here once more, as docs/protocol/statements.md gives them, so that a slip of ours shows.
// Usage: node test/vectors/make-statements.mjs FOLDER_OF_NODE_MODULES_WITH_VIEM
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = resolve(process.argv[2] ?? 'node_modules', 'viem')
const { hashTypedData } = await import(pathToFileURL(join(folder, '_esm/index.js')).href)
const { privateKeyToAccount } = await import(pathToFileURL(join(folder, '_esm/accounts/index.js')).href)
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

const field = (text) =>
  text.split(',').map((member) => ({ type: member.split(' ')[0] ?? '', name: member.split(' ')[1] ?? '' }))

const types = {
  Voucher: field('bytes32 lane,uint256 cumulativeAmount'),
  LaneWaiver: field('bytes32 lane,uint256 finalAmount'),
  SignedVoucher: field('bytes32 lane,uint256 cumulativeAmount,bytes signature'),
  Lane: field(
    'bytes32 id,address payer,address payee,uint256 deposit,uint256 claimed,uint64 expiresAtMs,LaneState state,bytes32[] award',
  ),
  LaneState: field('string type,uint64 closesAtMs'),
  Transfer: field('bytes32 id,address account,address to,uint256 amount'),
  OpenLane: field('bytes32 id,address account,address payee,uint256 deposit,uint64 expiresAtMs'),
  TopUpLane: field('bytes32 id,address account,bytes32 lane,uint256 amount'),
  Claim: field('bytes32 id,address account,SignedVoucher[] vouchers'),
  PayeeClose: field('bytes32 id,address account,bytes32 lane,SignedVoucher[] last'),
  RequestClose: field('bytes32 id,address account,bytes32 lane'),
  Close: field('bytes32 id,address account,bytes32 lane'),
  Burn: field('bytes32 id,address account,uint256 amount'),
  Grant: field('bytes32 id,address account,address to,bytes32 invite'),
  OpenAndAward: field('bytes32 id,address account,address payee,uint256 deposit,uint64 expiresAtMs,bytes32 award'),
  EscrowFund: field(
    'bytes32 id,address account,address payee,uint256 amount,uint64 timeoutAtMs,address[] arbiter,bytes32 terms',
  ),
  EscrowRelease: field('bytes32 id,address account,bytes32 escrow,uint256 amount'),
  EscrowRefund: field('bytes32 id,address account,bytes32 escrow'),
  EscrowDispute: field('bytes32 id,address account,bytes32 escrow,bytes32 evidence'),
  EscrowRule: field('bytes32 id,address account,bytes32 escrow,uint256 toPayee,bytes32 ruling'),
  DepositSee: field('bytes32 id,address account,bytes32 source,address to,uint256 amount'),
  DepositSettle: field('bytes32 id,address account,bytes32 source,string result'),
  Withdraw: field('bytes32 id,address account,string to,uint256 amount'),
  WithdrawCancel: field('bytes32 id,address account,bytes32 withdrawal'),
  WithdrawSend: field('bytes32 id,address account,bytes32 withdrawal,bytes32 transaction'),
  WithdrawSettle: field('bytes32 id,address account,bytes32 withdrawal,string result'),
  CampaignGate: field('string type,uint64 height,uint256 minimum'),
  CampaignPropose: field(
    'bytes32 id,address account,string purpose,address approver,bytes32 root,uint64 grantCount,uint256 pool,' +
      'uint64 endsAtMs,CampaignGate[] gates',
  ),
  CampaignApprove: field('bytes32 id,address account,bytes32 campaign,bytes32 root'),
  CampaignClaim: field(
    'bytes32 id,address account,bytes32 campaign,uint64 index,address to,uint256 amount,bytes32[] proof',
  ),
  CampaignEnd: field('bytes32 id,address account,bytes32 campaign'),
  OperationReceipt: field(
    'bytes32 id,address account,bytes32 digest,uint256 fee,uint64 height,bytes32 entryHash,uint64 timeMs',
  ),
  BalanceReceipt: field(
    'address account,uint256 available,uint256 locked,uint256 leaving,uint256 arriving,uint64 height,bytes32 stateRoot,uint64 timeMs',
  ),
  LaneReceipt: field('Lane lane,uint64 height,bytes32 stateRoot,uint64 timeMs'),
  HeadReceipt: field('uint64 height,bytes32 entryHash,bytes32 stateRoot,uint64 timeMs'),
  SpeedMessage: field('string rail,string kind,bytes32 infoHash,bytes body'),
}

/** Bytes without pattern, the same every time. */
let drawn = 0
const draw = (length) => {
  let hex = ''
  while (hex.length < 2 * length) hex += createHash('sha256').update(`statement ${drawn++}`).digest('hex')
  return `0x${hex.slice(0, 2 * length)}`
}

const genesisHash = draw(32)
const verifyingContract = draw(20)
const chain = { name: 'Swarmbid', version: '1', verifyingContract }
const domains = [
  {
    rail: `swarmbid:${genesisHash.slice(2, 34)}`,
    genesisHash,
    domain: { name: 'Swarmbid', version: '1', salt: genesisHash },
  },
  { rail: 'eip155:199', contract: verifyingContract, domain: { ...chain, chainId: 199n } },
  { rail: 'tron:0x2b6653dc', contract: verifyingContract, domain: { ...chain, chainId: 0x2b6653dcn } },
]
const amounts = [0n, 1n, 12_500_000_000_000_000_000n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 128n + 5n, 2n ** 256n - 1n]
const times = [0, 1_793_491_200_000, 2 ** 53 - 1]
let turn = 0
const amount = () => amounts[turn++ % amounts.length]
const time = () => times[turn++ % times.length]

const secret = draw(32)
const payer = privateKeyToAccount(secret)
/** Signatures within statements need only have the form of one. */
const signedVoucher = async () => {
  const lane = draw(32)
  return { lane, cumulativeAmount: amount(), signature: await payer.signMessage({ message: lane }) }
}
const lane = (state, closesAtMs) => {
  const [deposit, claimed] = [2n ** 80n, amount() % 2n ** 80n]
  return {
    id: draw(32),
    payer: draw(20),
    payee: draw(20),
    deposit,
    claimed,
    expiresAtMs: time(),
    state: { type: state, closesAtMs },
    award: state === 'open' ? [] : [draw(32)],
  }
}
const base = () => ({ id: draw(32), account: draw(20) })
const makers = {
  Voucher: () => ({ lane: draw(32), cumulativeAmount: amount() }),
  LaneWaiver: () => ({ lane: draw(32), finalAmount: amount() }),
  Transfer: () => ({ ...base(), to: draw(20), amount: amount() }),
  OpenLane: () => ({ ...base(), payee: draw(20), deposit: amount(), expiresAtMs: time() }),
  TopUpLane: () => ({ ...base(), lane: draw(32), amount: amount() }),
  Claim: async (index) => ({
    ...base(),
    vouchers: await Promise.all(Array.from({ length: index + 1 }, signedVoucher)),
  }),
  PayeeClose: async (index) => ({ ...base(), lane: draw(32), last: index % 2 === 0 ? [] : [await signedVoucher()] }),
  RequestClose: () => ({ ...base(), lane: draw(32) }),
  Close: () => ({ ...base(), lane: draw(32) }),
  Burn: () => ({ ...base(), amount: amount() }),
  Grant: () => ({ ...base(), to: draw(20), invite: draw(32) }),
  OpenAndAward: () => ({ ...base(), payee: draw(20), deposit: amount(), expiresAtMs: time(), award: draw(32) }),
  EscrowFund: (index) => ({
    ...base(),
    payee: draw(20),
    amount: amount(),
    timeoutAtMs: time(),
    arbiter: index % 2 === 0 ? [] : [draw(20)],
    terms: draw(32),
  }),
  EscrowRelease: () => ({ ...base(), escrow: draw(32), amount: amount() }),
  EscrowRefund: () => ({ ...base(), escrow: draw(32) }),
  EscrowDispute: () => ({ ...base(), escrow: draw(32), evidence: draw(32) }),
  EscrowRule: () => ({ ...base(), escrow: draw(32), toPayee: amount(), ruling: draw(32) }),
  DepositSee: () => ({ ...base(), source: draw(32), to: draw(20), amount: amount() }),
  DepositSettle: (index) => ({ ...base(), source: draw(32), result: index === 1 ? 'credited' : 'dropped' }),
  Withdraw: () => ({ ...base(), to: `eip155:199:${draw(20)}`, amount: amount() }),
  WithdrawCancel: () => ({ ...base(), withdrawal: draw(32) }),
  WithdrawSend: () => ({ ...base(), withdrawal: draw(32), transaction: draw(32) }),
  WithdrawSettle: (index) => ({ ...base(), withdrawal: draw(32), result: index === 1 ? 'sent' : 'failed' }),
  CampaignPropose: (index) => ({
    ...base(),
    purpose: index === 1 ? 'seeding' : 'gift',
    approver: draw(20),
    root: draw(32),
    grantCount: 1000 + index,
    pool: amount(),
    endsAtMs: time(),
    gates: [
      { type: 'invite', height: 0, minimum: 0n },
      { type: 'balance', height: 12, minimum: amount() },
    ].slice(0, index),
  }),
  CampaignApprove: () => ({ ...base(), campaign: draw(32), root: draw(32) }),
  CampaignClaim: (index) => ({
    ...base(),
    campaign: draw(32),
    index,
    to: draw(20),
    amount: amount(),
    proof: Array.from({ length: index }, () => draw(32)),
  }),
  CampaignEnd: () => ({ ...base(), campaign: draw(32) }),
  OperationReceipt: () => ({
    ...base(),
    digest: draw(32),
    fee: amount(),
    height: 7,
    entryHash: draw(32),
    timeMs: time(),
  }),
  BalanceReceipt: () => ({
    account: draw(20),
    available: amount(),
    locked: amount(),
    leaving: amount(),
    arriving: amount(),
    height: 8,
    stateRoot: draw(32),
    timeMs: time(),
  }),
  LaneReceipt: (index) => ({
    lane: index === 0 ? lane('open', 0) : index === 1 ? lane('closing', 1_793_491_200_000) : lane('closed', 0),
    height: 9,
    stateRoot: draw(32),
    timeMs: time(),
  }),
  HeadReceipt: () => ({ height: 2 ** 53 - 1, entryHash: draw(32), stateRoot: draw(32), timeMs: time() }),
  SpeedMessage: (index) => ({
    rail: domains[index % domains.length].rail,
    kind: ['bid', 'ask', 'award'][index % 3],
    infoHash: [`${draw(20)}${'00'.repeat(12)}`, draw(32), `0x${'00'.repeat(32)}`][index % 3],
    body: draw(index * 40),
  }),
}

const text = (value) =>
  JSON.parse(JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? member.toString() : member)))
const statements = []
for (const [primaryType, make] of Object.entries(makers)) {
  for (let index = 0; index < (primaryType === 'Voucher' ? 3 * amounts.length : 3); index++) {
    const message = await make(index)
    const domain = index % domains.length
    const typed = { domain: domains[domain].domain, types, primaryType, message }
    const signature = await payer.signTypedData(typed)
    statements.push({ primaryType, domain, message: text(message), digest: hashTypedData(typed), signature })
  }
}
const output = {
  provenance: `made by make-statements.mjs with viem ${version}`,
  secret,
  signer: payer.address,
  domains: text(domains),
  statements,
}
const lines = JSON.stringify(output, undefined, 1).replace(/\n {3,}/g, ' ')
writeFileSync(new URL('statements.json', import.meta.url), `${lines}\n`)
