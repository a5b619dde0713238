#!/usr/bin/env bash
# Build the wheel, install it into an environment of its own, and use it outside the checkout: schemas and built-in
# prompts must travel with it, and nothing may depend on where the source lies.
set -euo pipefail

python=$(cd "$1" && pwd)/python
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --quiet --wheel --no-isolation --outdir "$work/dist" .
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$work"/dist/*.whl

# Nothing of this shell's own: no PYTHONPATH, another home, no git configuration.
mkdir "$work/home" "$work/repo"
cd "$work/repo"
run() { env -i PATH="$work/venv/bin:$PATH" HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 "$@"; }
run git init --quiet --initial-branch=main
run git config user.name "Wheel Test"
run git config user.email wheel@example.com

run onbook --version
run onbook init --hooks
run onbook new support/triage --model openai/gpt-5.4-mini-2026-03-17
run onbook lint
run onbook explain ON203 >/dev/null
rm prompts/support/triage.cases.jsonl # no answers are recorded here
run git add --all
run git commit --quiet --message "A first prompt" # through the hooks
run onbook release
run onbook fetch support/triage@^0.1 --from "$work/repo" --out "$work/vendored"
run python - <<'PY'
import onbook
from onbook import resources

prompt = onbook.open(".", at="worktree").get("support/triage")
assert prompt.render(text="It works.")[-1]["role"] == "user"
assert resources.read("prompts/judges/rubric.prompt.yml")
assert "site-packages" in onbook.__file__, onbook.__file__
PY
echo "the wheel works outside the checkout"
