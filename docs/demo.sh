#!/usr/bin/env bash
# The main job, end to end, on a temporary clone of this repository's own prompts. Usage: docs/demo.sh BIN
set -euo pipefail

bin=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
daemon=
finish() {
  if [ -n "$daemon" ]; then kill "$daemon" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT

# Nobody's own git configuration, hooks or cache takes part.
export PATH="$bin:$PATH" HOME="$work" ONBOOK_CACHE="$work/cache" GIT_CONFIG_NOSYSTEM=1
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' cyan=$'\e[36m' off=$'\e[0m'; else bold='' cyan='' off=''; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
show() { printf '%s$ %s%s\n' "$cyan" "$*" "$off"; "$@"; }
# Some steps are meant to find something: what they exit with is shown.
expect() {
  local wanted=$1 code=0
  shift
  show "$@" || code=$?
  printf '(exit code %s)\n' "$code"
  [ "$code" = "$wanted" ] || { echo "expected exit code $wanted" >&2; exit 1; }
}

git clone --quiet --no-local "$top" "$work/prompts-repo"
cd "$work/prompts-repo"
git config user.name "onbook demo"
git config user.email demo@example.com
git remote remove origin
git init --quiet --bare "$work/remote.git"
git remote add origin "$work/remote.git"
git checkout --quiet -B main

say "1. Prompts are files in git. Lint them."
show onbook list
show onbook lint

say "2. Test them: answers are replayed from recordings, so this needs no key and no network."
show onbook test

say "3. Release them: one annotated tag for each prompt."
show onbook release --push

say "4. Edit a prompt: callers may now say by which channel a ticket came."
edit() {
  python - "$1" "$2" <<'PY'
import pathlib, sys
path = pathlib.Path("prompts/support/triage.prompt.yml")
text = path.read_text()
assert text.count(sys.argv[1]) == 1, sys.argv[1]
path.write_text(text.replace(sys.argv[1], sys.argv[2]))
PY
}
edit '  required: [ticket]' '    channel: {type: string, default: mail}
  required: [ticket]'
show git diff --stat
show onbook diff

say "5. Had callers to send it, which nobody does yet, diff would say so."
cp prompts/support/triage.prompt.yml "$work/kept"
edit 'required: [ticket]' 'required: [ticket, channel]'
expect 1 onbook diff --fail-on major
cp "$work/kept" prompts/support/triage.prompt.yml

say "6. The answers still hold, because the model is sent the same: replay, commit, release."
show onbook test support/triage
show git commit --quiet --all --message "triage: accept the channel of a ticket"
show onbook release --push

say "7. A change of wording is another request, so replay misses it, and that is never reported as fine."
edit 'Sort the support ticket into' 'Sort the ticket of a customer into'
printf '%s$ onbook test support/triage%s\n' "$cyan" "$off"
code=0
onbook test support/triage >"$work/out" || code=$?
sed -n '1,2p' "$work/out"
echo "..."
tail -n 4 "$work/out"
printf '(exit code %s)\n' "$code"
[ "$code" = 3 ]
git checkout --quiet -- prompts

say "8. An application fetches a release by its tag, verified and locked."
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
git -C "$work/remote.git" config uploadpack.allowFilter true
git daemon --listen=127.0.0.1 --port="$port" --base-path="$work" --export-all --reuseaddr "$work/remote.git" 2>/dev/null &
daemon=$!
for _ in $(seq 50); do
  python -c "import socket; socket.create_connection(('127.0.0.1', $port), 1).close()" 2>/dev/null && break
  sleep 0.1
done
mkdir "$work/app"
cd "$work/app"
show onbook fetch support/triage@^0.1 --from "git://127.0.0.1:$port/remote.git"
show cat onbook.lock
cat >app.py <<PY
import onbook

book = onbook.open("git://127.0.0.1:$port/remote.git", lock="onbook.lock")
prompt = book.get("support/triage", "^0.1")
print(prompt.id, prompt.version)
print(prompt.render(ticket="I was charged twice.", channel="chat")[-1]["content"])
PY
show cat app.py
show python app.py
say "Done: linted, tested, released, changed, diffed, released again, fetched by tag."
