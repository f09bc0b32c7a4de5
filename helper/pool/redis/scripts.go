package redis

import (
	"fmt"
	"strings"

	"github.com/credhelper/credhelper/helper/pool"
)

// What a name has is one hash, so that it is evicted, expires and is restored as one:
//
//	entry, number   the sealed token and its number
//	mark, until     a sealed mark, and when it ends
//	lease, ends     who leads, and until when
//	granted         the highest number that was given with a lease
//	seen            the store's time, now and then: it shows when the clock went back
//
// A keeper's steps are scripts, which Redis runs one after the other, with its own clock.
// A number in Lua is exact up to 2^53 µs after 1970, in the year 2255. They are functions,
// because most calls of the engine have no pool, and variables would be made in all.
func askScript() script    { return newScript(3, common(askText)) }
func renewScript() script  { return newScript(1, common(renewText)) }
func putScript() script    { return newScript(2, common(putText)) }
func giveUpScript() script { return newScript(1, common(giveUpText)) }

// common puts what all scripts use before one.
func common(text string) string {
	return strings.NewReplacer(
		"LEASE", fmt.Sprint(pool.LeaseTime.Microseconds()),
		"VERSION", fmt.Sprint(pool.Version),
		"NEWEST", fmt.Sprint(pool.Newest),
		"KEEP", fmt.Sprint((48 * 3600 * 1000)),
		"NEXT", pool.NextSuffix,
	).Replace(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(n) return string.format('%.0f', n) end
` + text)
}

// KEYS: the name, the check values, the number that was reported.
// ARGV: have, lease, skipped entry, skipped mark, check, former check.
const askText = `
local have, lease = tonumber(ARGV[1]), ARGV[2]
local version = redis.call('HGET', KEYS[2], ARGV[5])
if not version then
  local other
  for _, check in ipairs(redis.call('HKEYS', KEYS[2])) do
    if string.find(check, '^%w+$') then other = check end
  end
  if other and redis.call('HEXISTS', KEYS[2], ARGV[6]) == 0 then return {'key', other} end
  version = '0'
end
if (tonumber(version) or 99) > NEWEST then return {'version', version} end
if lease ~= '' and tonumber(version) < VERSION then redis.call('HSET', KEYS[2], ARGV[5], 'VERSION') end
if lease ~= '' and ARGV[6] ~= '' and redis.call('HGET', KEYS[2], ARGV[6] .. 'NEXT') ~= ARGV[5] then
  redis.call('HSET', KEYS[2], ARGV[6] .. 'NEXT', ARGV[5])
  redis.call('HDEL', KEYS[2], ARGV[5] .. 'NEXT')
end
local f = redis.call('HMGET', KEYS[1], 'entry', 'number', 'mark', 'until', 'lease', 'ends', 'granted', 'seen')
local number, ends, granted, seen = tonumber(f[2]) or 0, tonumber(f[6]) or 0, tonumber(f[7]) or 0, tonumber(f[8]) or now
if now < seen - 2000000 then
  redis.call('HDEL', KEYS[1], 'entry', 'number', 'mark', 'until', 'lease', 'ends')
  f = {}
end
if now < seen - 2000000 or now > seen + 10000000 then redis.call('HSET', KEYS[1], 'seen', text(now)) end
if f[1] and number > have and f[2] ~= ARGV[3] then
  return {'entry', text(now), f[2], f[1], redis.call('GET', KEYS[3]) or '0'}
end
if f[3] and (tonumber(f[4]) or 0) > now and f[4] ~= ARGV[4] then
  return {'mark', text(now), f[4], f[3]}
end
if f[5] and ends > now and ends <= now + LEASE then
  if f[5] ~= lease then return {'held', text(now)} end
  return {'lease', text(now), f[7] or '0', f[3] or ''}
end
if lease == '' then return {'nothing', text(now)} end
if granted > now + 31622400000000 then granted = 0 end
local next = text(math.max(now, granted + 1, have + 1))
redis.call('HSET', KEYS[1], 'lease', lease, 'ends', text(now + LEASE), 'granted', next, 'seen', text(now))
redis.call('PEXPIRE', KEYS[1], KEEP)
return {'lease', text(now), next, f[3] or ''}
`

// KEYS: the name. ARGV: the lease.
const renewText = `
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'ends', text(now + LEASE))
return 1
`

// KEYS: the name, the number that was reported. ARGV: lease, number, entry, milliseconds.
const putText = `
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'entry', ARGV[3], 'number', ARGV[2], 'seen', text(now))
redis.call('HDEL', KEYS[1], 'lease', 'ends', 'mark', 'until')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('DEL', KEYS[2])
return 1
`

// KEYS: the name. ARGV: lease, mark, microseconds.
const giveUpText = `
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'lease', 'ends')
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'mark', ARGV[2], 'until', text(now + ARGV[3])) end
return 1
`
