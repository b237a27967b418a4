// What a command line asks for, as runs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import {
  declareOptions,
  jobsOf,
  parseContentSize,
  type RunOptions,
  scenariosNamed,
} from '../../../sim/command-line/run-options.ts'
import { replayCommand } from '../../../sim/command-line/run-summary.ts'
import { flashCrowd } from '../../../sim/scenarios/flash-crowd.ts'

function optionsOf(...words: string[]): RunOptions {
  const program = declareOptions(new Command('sim'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  return program.parse(words, { from: 'user' }).opts<RunOptions>()
}

const both = ['a', 'b'].map((scenario) => ({ scenario, peers: undefined }))
const churn = [{ scenario: 'churn', peers: undefined }]

test('sizes are read as people write them', () => {
  const read = ['100MB', '1 GB', '64kB', '64KiB', '1MiB', '5000'].map(parseContentSize)
  assert.deepEqual(read, [100_000_000, 1_000_000_000, 64_000, 65_536, 1_048_576, 5_000])
  for (const wrong of ['0MB', '-1MB', 'MB', '1.5XB', ''])
    assert.throws(() => parseContentSize(wrong), /Expected a size/)
})

test('each scenario is played with each seed', () => {
  const jobs = jobsOf(both, 7, optionsOf('all', '--seeds', '2'))
  assert.deepEqual(
    jobs.map(({ scenario, seed }) => `${scenario} ${seed}`),
    ['a 7', 'b 7', 'a 8', 'b 8'],
  )
})

test('so many runs in all are spread over the scenarios', () => {
  const jobs = jobsOf(both, 1, optionsOf('all', '--runs', '5'))
  assert.deepEqual(
    jobs.map(({ scenario, seed }) => `${scenario} ${seed}`),
    ['a 1', 'b 1', 'a 2', 'b 2', 'a 3'],
  )
})

test('where all are played those that take long have fewer peers; `large` plays them as they are', () => {
  const large = { ...flashCrowd, name: 'large-one', peers: 1_000, fewerPeers: 100 }
  const scenarios = [flashCrowd, large]
  const small = { scenario: 'flash-crowd', peers: undefined }
  assert.deepEqual(scenariosNamed('all', scenarios), [small, { scenario: 'large-one', peers: 100 }])
  for (const name of ['large', 'large-one']) {
    assert.deepEqual(scenariosNamed(name, scenarios), [{ scenario: 'large-one', peers: undefined }])
  }
  assert.deepEqual(scenariosNamed('flash-crowd', scenarios), [small])
  for (const name of ['none', undefined]) assert.deepEqual(scenariosNamed(name, scenarios), [])
  const [, job] = jobsOf(scenariosNamed('all', scenarios), 1, optionsOf('all'))
  assert.equal(job?.peers, 100)
  assert.equal(jobsOf(scenariosNamed('all', scenarios), 1, optionsOf('all', '--peers', '9'))[1]?.peers, 9)
})

test('the command that replays a run asks for that run', () => {
  const [job] = jobsOf(churn, 3, optionsOf('churn', '--peers', '4', '--size', '1MB', '--limit', '90s', '--twice'))
  assert.ok(job !== undefined)
  const command = replayCommand(job)
  assert.equal(command, 'npm run sim -- churn --seed 3 --peers 4 --size 1000000 --limit 90 --twice')
  const words = command.split(' ').slice(4)
  const { seed = 0, ...options } = optionsOf(...words)
  assert.deepEqual(jobsOf(churn, seed, options), [job])
})

test('what is no number is refused', () => {
  assert.throws(() => optionsOf('--seed', '-1'), /Expected a number/)
  assert.throws(() => optionsOf('--seed', '99999999999'), /Expected a number/)
  assert.throws(() => optionsOf('--peers', '0'), /Expected a number/)
})
