#!/usr/bin/env bash
# Rides one train through everything that people can be asked for. It needs a station that knows the pipeline `well`:
#   PIPELINES=$PWD/docs/tutorials/governance/pipelines npm run vt -- up
# VT is the command line; without it, that of this repository.
set -euo pipefail
# Where the station of this repository says that it is.
cd "$(dirname "$0")/../../.."
read -ra VT <<<"${VT:-node apps/cli/dist/main.js}"

say() { printf '\n# %s\n' "$*"; }
# Shows a command, and what it answers; a refusal is an answer, too.
vt() {
  printf '%s$ vt' "${VT_API_KEY:+olga}"
  for word in "$@"; do case $word in *' '*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac; done
  printf '\n'
  "${VT[@]}" "$@" 2>&1 || true
}
ask() { "${VT[@]}" "$@" --json; }
# Waits until what a command answers has these words.
until_says() {
  for _ in $(seq 60); do
    if [[ $(ask "${@:2}") == *"$1"* ]]; then return; fi
    sleep 0.25
  done
  echo "never said: $1" >&2
  exit 1
}
# The digest of what lies at a gate now; who answers has looked at it.
evidence() { ask approvals "$train" "$1" | sed -E 's/.*"quote":"([0-9a-f]+)".*/\1/'; }

say "A train on the pipeline of this tutorial. Olga starts it: who does may say nothing for others on it"
olga=$(ask keys issue Olga operator | sed -E 's/.*"key":"([^"]+)".*/\1/')
charter=docs/tutorials/governance/charter.yaml
key=${KEY:-well-$$}
VT_API_KEY=$olga vt train start $charter --pipeline well --idempotency-key "$key"
# The same key is the same train.
train=$(VT_API_KEY=$olga ask train start $charter --pipeline well --idempotency-key "$key" | sed -E 's/.*"trainId":"([^"]+)".*/\1/')

say "An action is undone: the session goes back, and does it again"
until_says '"action":"measure"' tasks "$train"
vt session rollback "$train" measure --to 1 --reason "the site was moved"

say "The water stands too low: the gate fails, and the train is blocked"
until_says '"action":"measure"' tasks "$train"
VT_API_KEY=$olga vt task complete "$train" measure --fact depth=2
until_says '"status":"blocked"' train show "$train"
vt train show "$train"

say "A waiver has an end; one without is refused by name"
vt waive "$train" measure criterion:deep-enough --role sponsor --as Marta --owner Ben --reason "it rains tomorrow"
vt waive "$train" measure criterion:deep-enough --role sponsor --as Ann --owner Ben --until 15s --reason "it rains tomorrow"
vt waive "$train" measure criterion:deep-enough --role sponsor --as Marta --owner Ben --until 15s --reason "it rains tomorrow"
until_says '"action":"measure"' tasks "$train"
VT_API_KEY=$olga vt task complete "$train" measure --fact depth=2
until_says '"phase":"plan"' approvals "$train"

say "The waiver ends: what was built on it is held, until it is mended, renewed or accepted"
until_says '"state":"ended"' train show "$train"
vt train show "$train"
vt settle "$train" W1 accepted --role sponsor --as Marta --reason "two metres are enough for the herd"

say "Two of three neighbours must agree, to exactly what they were shown"
vt approvals "$train" plan
vt approve "$train" plan --as Ann
vt approve "$train" plan --evidence "$(evidence plan)" --as Ann
vt approve "$train" plan --evidence "$(evidence plan)" --as Ann --comment "again"

say "Ann moves away: her word is stale, and the neighbours are asked again"
vt approver dismiss "$train" neighbour Ann --reason "she moved away"
vt approvals "$train"

say "Ben lets Dora speak for him; together they have one voice"
vt delegate "$train" neighbour Dora --until 2d --reason "he is at the market" --as Ben
vt approve "$train" plan --evidence "$(evidence plan)" --as Dora
vt approve "$train" plan --evidence "$(evidence plan)" --as Ben
vt approve "$train" plan --evidence "$(evidence plan)" --as Cleo

say "Then it is the sponsor's turn, who wants it otherwise: the agent works by what she says"
until_says '"role":"sponsor"' approvals "$train"
vt revise "$train" plan --evidence "$(evidence plan)" --reason "line it with stone" --as Marta
until_says '"attempt":2' approvals "$train"
vt approve "$train" plan --evidence "$(evidence plan)" --as Dora
vt approve "$train" plan --evidence "$(evidence plan)" --as Cleo
until_says '"role":"sponsor"' approvals "$train"
vt approve "$train" plan --evidence "$(evidence plan)" --as Marta

say "A forced advance is a waiver of everything that is unmet, and stays on the train for ever"
until_says '"action":"dig"' tasks "$train"
VT_API_KEY=$olga vt task complete "$train" dig --fact lined=false
until_says '"status":"blocked"' train show "$train"
vt force "$train" dig --role sponsor --as Marta --owner Ben --until 2d --reason "winter comes"
until_says '"action":"dig"' tasks "$train"
VT_API_KEY=$olga vt task complete "$train" dig --fact lined=false
until_says '"status":"completed"' train show "$train"
vt train show "$train"

say "And all of it is in the record, which nobody can change unnoticed"
vt audit verify
