// How long a server wants to be left alone: Retry-After, in seconds or as a date (RFC 9110). Pure.
// Guarantees: dates are measured against the server's own, so that nobody's clock need be right; anything else says nothing.

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const form = /^[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$/

/** Days from 1 March of the year 0 on, by which each month begins where it does and leap days come last. */
function dayNumber(year: number, month: number, day: number): number {
  const shifted = month < 2 ? year - 1 : year
  const monthOfYear = (month + 10) % 12
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400)
  return 365 * shifted + leapDays + Math.floor((153 * monthOfYear + 2) / 5) + day - 1
}

/** Seconds since some moment, of a date as HTTP writes it today; undefined for any other text. */
function secondsOf(text: string | undefined): number | undefined {
  const match = form.exec(text?.trim() ?? '')
  if (match === null) return undefined
  const [, day = '', month = '', year = '', hours = '', minutes = '', seconds = ''] = match
  const monthIndex = months.indexOf(month)
  const isDate = monthIndex !== -1 && day !== '00' && Number(day) <= 31
  if (!isDate || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 60) return undefined
  const days = dayNumber(Number(year), monthIndex, Number(day))
  return 86_400 * days + 3_600 * Number(hours) + 60 * Number(minutes) + Number(seconds)
}

/** Seconds that the head of an answer asks for, 0 or more; undefined: none it could be told from. Names in lower case. */
export function retryAfterSeconds(headers: Readonly<Record<string, string>>): number | undefined {
  const { 'retry-after': text, date } = headers
  if (text === undefined) return undefined
  if (/^ *[0-9]{1,9} *$/.test(text)) return Number(text)
  const [until, now] = [secondsOf(text), secondsOf(date)]
  return until === undefined || now === undefined ? undefined : Math.max(0, until - now)
}
