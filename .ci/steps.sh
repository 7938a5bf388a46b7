# For .ci/run and what it runs beside itself: steps, each with a limit, a log and a line in steps.tsv. `work` is their folder.
current=

# A step leads a process group of its own: `timeout` makes one.
stop_step() {
  [[ $current ]] && kill -TERM -- "-$current" 2>/dev/null && wait "$current"
  current=
}

# step LIMIT_SECONDS NAME COMMAND...: runs it, whatever became of the steps before it
step() {
  local limit=$1 name=$2 from=$SECONDS code
  shift 2
  printf '\n=== %s: %s\n' "$name" "$*"
  timeout --kill-after=30 "$limit" "$@" > >(tee "$work/reports/$name.log") 2>&1 &
  current=$!
  wait "$current"
  code=$?
  current=
  ((code == 124)) && echo "$name took longer than $limit s and was ended"
  printf '%s\t%s\t%s\n' "$name" "$code" "$((SECONDS - from))" >>"$work/reports/steps.tsv"
  return "$code"
}
