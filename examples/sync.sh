#!/bin/sh
# Keeps one Jira issue for every item of a Jama Connect project, from cron or by hand.
# No secret is in it, and no token passes through it: credhelper curl signs each call,
# renews a refused token and repeats the call. It needs credhelper, curl and jq.
#
#   credhelper add jama --preset jama --url https://example.jamacloud.com --client-id ID
#   credhelper add jira --preset jira-datacenter --url https://jira.example.com --client-id ID --set scopes=WRITE
#   examples/sync.sh --test https://example.jamacloud.com https://jira.example.com
#   examples/sync.sh https://example.jamacloud.com https://jira.example.com
#
# PROJECT is the id of Jama's project (1), KEY the key of Jira's (DEMO), PAGE the
# number of items asked for at once (50). The same job as examples/sync has in Go.
set -eu
test=
[ "${1-}" != --test ] || { test=1 && shift; }
[ $# -eq 2 ] || { echo "usage: sync.sh [--test] JAMA-URL JIRA-URL" >&2; exit 2; }
jama=${1%/} jira=${2%/} project=${PROJECT:-1} key=${KEY:-DEMO} page=${PAGE:-50}

work=$(mktemp -d "${TMPDIR:-/tmp}/sync.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

log() { printf '%s %-5s %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" "$3" >&2; }

# one_line MOST: makes a text from stdin fit for a log.
one_line() { tr -s '[:cntrl:] ' ' ' | cut -c "1-$1" | sed 's/^ *//; s/ *$//'; }

# field NAME: prints that header of the last response; nothing if it is missing.
field() { { grep -i "^$1:" "$work/headers" || :; } | tail -n 1 | cut -d : -f 2- | one_line 64; }

# fail NAME CODE TEXT: ends the run. The next run continues, because what is done is
# found by its label.
fail() { log ERROR "$1" "$3"; return "$2"; }

# refused NAME PROFILE STATUS: what an API's answer means that is no success. What it
# says for people is in meta.message (Jama), errorMessages and errors (Jira),
# error.message (miniOrange's app).
refused() {
	code=1 next="see why: credhelper test $2"
	case $3 in
	400) text="the API does not understand us" ;;
	401) text="the API does not accept the token" code=11 ;;
	403) text="the API does not let this account do that" code=11 ;;
	404) text="there is nothing at this address" ;;
	410) text="the API has removed this call" ;;
	429) text="too many calls, and it would take too long to wait" code=8 next="try again later" ;;
	5??) text="the API is not well" code=8 next="try again later" ;;
	*) text="the API refused" ;;
	esac
	said=$(jq -r '[.meta.message?, .message?, .errorMessages[]?, ((.errors // {}) | to_entries[] | "\(.key): \(.value)")?, .error.message?] | map(select(. != null)) | join(" ")' \
		"$work/body" 2>/dev/null | one_line 200) || said=
	for name in X-AREQUESTID Atl-Traceid X-Request-Id X-Correlation-Id; do
		id=$(field "$name")
		[ -z "$id" ] || { id=" [$name $id]" && break; }
	done
	fail "$1" "$code" "$text (HTTP $3)${said:+: $said}$id; $next"
}

# patience USUAL: prints how long to wait after a 429: as long as the API asks for, up
# to a minute, or else the usual time; "end" to give up.
patience() {
	after=$(field Retry-After)
	case $1:$after in
	end:*) echo end ;;
	*: | *:*[!0-9]*) echo "$1" ;;
	*) [ "$after" -le 60 ] && echo "$after" || echo end ;;
	esac
}

# call NAME PROFILE CURL-ARGUMENTS...: one call of an API; the answer is in $work/body
# and $work/headers. curl's own --retry would also repeat a POST after a 504, which
# may have made the issue: repeated is only what was not done, after a 429, and where
# credhelper itself says "later" (8 and 10: docs/exit-codes.md).
call() {
	name=$1 profile=$2
	shift 2
	for pause in 3 5 8 13 end; do # seconds, as Jama asks, which sends no Retry-After
		code=0
		: >"$work/headers"
		status=$(credhelper curl "$profile" -- -sS -m 60 -o "$work/body" -D "$work/headers" -w '%{http_code}' \
			-H 'Accept: application/json' "$@" </dev/null 2>"$work/said") || code=$?
		case $status:$code in
		2??:0) return ;;
		429:0) pause=$(patience "$pause") ;;
		:8 | :10) ;;
		*) break ;;
		esac
		[ "$pause" != end ] || break
		sleep "$pause"
	done
	text=$(sed 's/^credhelper: //; $!s/$/;/' <"$work/said" | one_line 300) # its line, and what to type next
	case $status:$code in
	:*) fail "$name" "$code" "${text:-credhelper ended without a word}" ;;
	*:0) refused "$name" "$profile" "$status" ;;
	*) fail "$name" 8 "$text; try again later" ;; # curl's own trouble
	esac
}

to_jama() { call "Jama Connect $jama" jama "$jama$1"; }
to_jira() {
	path=$1
	shift
	call "Jira $jira" jira "$@" "$jira$path"
}

# write METHOD PATH: sends $work/request to Jira.
write() { to_jira "$2" -X "$1" -H 'Content-Type: application/json' --data-binary "@$work/request"; }

# look: finds the issues of the page's items. A token that died a moment ago would find
# nothing, with 200, and every issue would be made a second time: so the answer must
# not be nobody's. Cloud has removed the old search, Data Center does not
# have the new one; Cloud's may not know yet what was made a moment ago, so leave a
# minute between two runs.
look() {
	case $jira in
	*/ex/jira/*) search=/rest/api/2/search/jql ;;
	*) search=/rest/api/2/search ;;
	esac
	jq --arg key "$key" '[.data[] | "\"jama-\(.id)\""] | {
		jql: "project = \"\($key)\" AND labels in (\(join(", ")))", fields: ["summary", "description", "labels"], maxResults: (2 * length)
	}' "$work/page" >"$work/query"
	for _ in 1 2; do
		cp "$work/query" "$work/request"
		write POST "$search" || return
		if [ "$(field X-Seraph-LoginReason)" != AUTHENTICATED_FAILED ] && [ "$(field X-AUSERNAME)" != anonymous ]; then
			mv "$work/body" "$work/found"
			return
		fi
		to_jira /rest/api/2/myself || return # its 401 renews the token
	done
	refused "Jira $jira" jira 401
}

# steps: what is to be done for the page, a JSON object a line.
steps() {
	jq -c --arg jama "$jama" --arg project "$project" --arg key "$key" --slurpfile found "$work/found" '
		([$found[0].issues[] | . as $issue | .fields.labels[] | {(.): $issue}] | add // {}) as $there
		| .data[] | "jama-\(.id)" as $tag | $there[$tag] as $old
		| {
			summary: ("\(.documentKey) \(.fields.name)" | gsub("\\s+"; " "))[:250],
			description: "Kept in Jama Connect: \($jama)/perspective.req#/items/\(.id)?projectId=\($project)"
		} as $fields
		| if $old == null then
			{method: "POST", path: "", fields: ($fields + {project: {key: $key}, issuetype: {name: "Task"}, labels: [$tag]})}
		elif ($old.fields | {summary, description}) != $fields then
			{method: "PUT", path: "/\($old.key)", fields: $fields}
		else empty end' "$work/page"
}

if [ "$test" ]; then
	first=0 second=0
	{ to_jama /rest/v1/users/current &&
		jq -r --arg at "$jama" '.data | "Jama Connect \($at): connected as \(.firstName) \(.lastName) (\(.username))"' "$work/body"; } || first=$?
	{ to_jira /rest/api/2/myself &&
		jq -r --arg at "$jira" '"Jira \($at): connected as \(.displayName) (\(.name // .accountId))"' "$work/body"; } || second=$?
	[ $first -ne 0 ] || first=$second
	exit $first
fi

seen=0 total=1 created=0 updated=0
while [ "$seen" -lt "$total" ]; do
	to_jama "/rest/v1/items?project=$project&startAt=$seen&maxResults=$page"
	mv "$work/body" "$work/page"
	count=$(jq '.data | length' "$work/page") total=$(jq .meta.pageInfo.totalResults "$work/page")
	[ "$count" -gt 0 ] || break # somebody deleted some meanwhile
	look
	steps >"$work/steps"
	while IFS= read -r step <&3; do
		printf '%s\n' "$step" | jq '{fields}' >"$work/request"
		method=$(printf '%s\n' "$step" | jq -r .method)
		write "$method" "/rest/api/2/issue$(printf '%s\n' "$step" | jq -r .path)"
		case $method in
		POST) created=$((created + 1)) ;;
		PUT) updated=$((updated + 1)) ;;
		esac
	done 3<"$work/steps"
	seen=$((seen + count))
	sleep 1 # Jama takes 10 calls a second, of all its programs together
done
log INFO sync "$seen items: $created created, $updated updated"
